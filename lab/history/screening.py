"""
The first stage of a night, pure: which of tonight's series are not where they were.

:func:`screen_night` says which cells are to be measured again; :mod:`lab.history.conclude`
decides with that. The rules are those of :mod:`lab.stats.screen`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lab.history.epochs import Epoch, epoch_of
from lab.history.night import Event, Kind
from lab.history.series import (
    MIN_ROUNDS,
    Reading,
    Series,
    accepted,
    controls_of,
    reading,
    readings,
    series_of,
)
from lab.stats import screen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lab.history.known import Known
    from lab.history.night import Entry
    from lab.stats.screen import Screening


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One series tonight."""

    series: Series
    tonight: Reading
    history: tuple[Reading, ...]
    own: tuple[float, ...] = ()
    """Of the same nights, the cell's own values; empty where nothing is divided."""
    screening: Screening | None
    """None without a night to compare with."""
    is_known: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """What the first stage says of a night."""

    tonight: Entry
    epoch: Epoch
    seen: tuple[Seen, ...]
    flagged: tuple[Seen, ...]
    """To be measured again."""
    events: tuple[Event, ...]
    """What needs no re-run: the machine changed, or a control moved."""
    known: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells to be measured again, each with its control."""
        pairs = [(each.series.control, each.series.cell) for each in self.flagged]
        return tuple(dict.fromkeys(cell for pair in pairs for cell in pair))


def screen_night(
    tonight: Entry,
    entries: Iterable[Entry],
    *,
    known: Sequence[Known] = (),
    allowed: Sequence[str] = (),
) -> Screened:
    """Screen *tonight* against the nights of its epoch among *entries*."""
    epoch = epoch_of(tonight, entries, allowed=allowed)
    series = series_of(tonight)
    seen = tuple(
        found for each in series if (found := _seen(tonight, epoch, each, known=known)) is not None
    )
    moved = _moved_controls(tonight, epoch, series)
    flagged = [each for each in seen if each.screening and each.screening.is_flagged]
    unblamed = [
        each for each in flagged if not moved and _is_control_alone(tonight, epoch, each, known)
    ]
    events = [event_of(each, Kind.CONTROL) for each in unblamed]
    return Screened(
        tonight=tonight,
        epoch=epoch,
        seen=seen,
        flagged=() if moved else tuple(each for each in flagged if each not in unblamed),
        events=(*moved, *events),
        known=tuple(str(each) for each in known if each.is_active(tonight.day)),
        warnings=(*_expired(tonight, known), *_unused(series, known), *_lost(epoch, seen)),
    )


def _seen(tonight: Entry, epoch: Epoch, series: Series, *, known: Sequence[Known]) -> Seen | None:
    found = reading(tonight, series)
    if found is None:
        return None
    nights = accepted(epoch.nights, series, known=known, today=tonight.day)
    history = readings(nights, series)
    screening = (
        screen.screen([each.centre for each in history], found.centre, margin=series.margin)
        if history
        else None
    )
    mine = [each for each in known if each.covers(series.cell, series.metric)]
    is_known = any(each.is_active(tonight.day) for each in mine)
    expired = [each for each in mine if each.has_expired(tonight.day)]
    return Seen(
        series=series,
        tonight=found,
        history=history,
        own=tuple(each.centre for each in readings(nights, series.alone)) if series.control else (),
        screening=screening,
        is_known=is_known,
        note=""
        if is_known or not expired
        else f"{expired[-1].owner} had it until {expired[-1].expires}",
    )


def _moved_controls(tonight: Entry, epoch: Epoch, series: Sequence[Series]) -> tuple[Event, ...]:
    """Controls that are not where their own nights let one expect them: the machine changed."""
    controls = [
        (each, found, [night.centre for night in readings(epoch.nights, each)])
        for each in controls_of(series)
        if (found := reading(tonight, each))
    ]
    margin = min((each.margin for each, _, _ in controls), default=0.0)
    moved = screen.has_shifted(
        [history for _, _, history in controls],
        [found.centre for _, found, _ in controls],
        margin=margin,
    )
    return tuple(
        event_of(
            Seen(
                series=each,
                tonight=found,
                history=(),
                screening=screen.screen(history, found.centre, margin=each.margin),
            ),
            Kind.ENVIRONMENT,
        )
        for (each, found, history), has_moved in zip(controls, moved, strict=True)
        if has_moved
    )


def _is_control_alone(tonight: Entry, epoch: Epoch, seen: Seen, known: Sequence[Known]) -> bool:
    """Whether it is the control that is not where it was, and the cell is."""
    series = seen.series
    nights = accepted(epoch.nights, series, known=known, today=tonight.day)
    cell = series.alone
    control = replace(cell, cell=series.control)
    flags = [_is_flagged_alone(tonight, nights, each) for each in (control, cell)]
    return flags == [True, False]


def _is_flagged_alone(tonight: Entry, nights: Sequence[Entry], series: Series) -> bool | None:
    """Whether the screen flags a cell's own values; None with too few nights to say."""
    history = [each.centre for each in readings(nights, series)]
    found = reading(tonight, series)
    if found is None or len(history) < screen.MIN_NIGHTS:
        return None
    return screen.screen(history, found.centre, margin=series.margin).is_flagged


def event_of(seen: Seen, kind: Kind, *, note: str = "") -> Event:
    """What *seen* has to tell, by the screen alone."""
    if seen.screening is None:
        raise ValueError(f"{seen.series} was not screened")
    series = seen.series
    is_mended = kind is Kind.IMPROVEMENT and seen.is_known
    notes = [note, seen.note, "its known regression may be mended" if is_mended else ""]
    return Event(
        kind=kind,
        cell=series.cell,
        metric=series.metric,
        control=series.control,
        better=series.better,
        shift=seen.screening.shift,
        p=seen.screening.p,
        nights=seen.screening.nights,
        is_known=seen.is_known,
        note="; ".join(filter(None, notes)),
    )


def _expired(tonight: Entry, known: Iterable[Known]) -> tuple[str, ...]:
    return tuple(
        f"no longer known, its last day was {each.expires}: {each.cell}, {each.metric}"
        f" ({each.owner}); give it another, or take the line out"
        for each in known
        if each.has_expired(tonight.day)
    )


def _unused(series: Iterable[Series], known: Iterable[Known]) -> tuple[str, ...]:
    followed = tuple(series)
    return tuple(
        f"nothing tonight is a known regression of {each.cell}, {each.metric} ({each.owner})"
        for each in known
        if not any(each.covers(one.cell, one.metric) for one in followed)
    )


def _lost(epoch: Epoch, seen: Sequence[Seen]) -> tuple[str, ...]:
    """What could be read the night before, and cannot be tonight; or that nothing can."""
    if not seen:
        return (f"nothing to screen: no cell has {MIN_ROUNDS} usable rounds beside its control",)
    if not epoch.nights:
        return ()
    last = epoch.nights[-1]
    now = {each.series for each in seen}
    lost = [each for each in series_of(last) if each not in now and reading(last, each)]
    if not lost:
        return ()
    first = ", ".join(map(str, lost[:2]))
    rest = f" and {len(lost) - 2} more" if len(lost) > 2 else ""  # noqa: PLR2004 - those named
    return (f"too few rounds tonight, and enough the night before: {first}{rest}",)
