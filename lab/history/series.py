"""Series over nights: one cell read against its control on one metric, or a control by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lab.history.night import Kind
from lab.plan import Role
from lab.stats.screen import centre

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from lab.history.known import Known
    from lab.history.night import Entry, Event, Level
    from lab.sample import Better

MIN_ROUNDS = 3
"""Of a night that a series can be read from."""
_PINNED = (Role.REFERENCE, Role.CONTROL)
"""What a cell is read against, the nearest first: the same cell without Kata's code tells more
than the node without any guest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What is followed from night to night."""

    cell: str
    metric: str
    control: str
    """Empty for a control that is followed by itself."""
    better: Better
    margin: float

    @property
    def alone(self) -> Series:
        """The cell's own values, divided by nothing."""
        return replace(self, control="")

    def __str__(self) -> str:
        against = f" against {self.control}" if self.control else ""
        return f"{self.metric} of {self.cell}{against}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One night of a series: the logarithm of the ratio, or of a control's own value."""

    rounds: tuple[float, ...]
    centre: float


def series_of(entry: Entry) -> tuple[Series, ...]:
    """Every series of a cell against its control that the run of *entry* can be read for."""
    found = []
    for cell, controls in _pinned(entry).items():
        for metric in entry.design.primary:
            mine = level(entry, cell, metric)
            control = next((each for each in controls if level(entry, each, metric)), None)
            if mine is not None and control is not None:
                found.append(
                    Series(
                        cell=cell,
                        metric=metric,
                        control=control,
                        better=mine.better,
                        margin=entry.design.margins.get(metric, entry.design.margin),
                    )
                )
    return tuple(found)


def controls_of(series: Iterable[Series]) -> tuple[Series, ...]:
    """The controls that *series* are read against, each to be followed by itself."""
    found = {
        (each.control, each.metric): Series(
            cell=each.control,
            metric=each.metric,
            control="",
            better=each.better,
            margin=each.margin,
        )
        for each in series
    }
    return tuple(found.values())


def reading(entry: Entry, series: Series) -> Reading | None:
    """The night of *entry*; None with too few rounds to tell."""
    mine = level(entry, series.cell, series.metric)
    other = level(entry, series.control, series.metric) if series.control else None
    if mine is None or (series.control and other is None):
        return None
    rounds = tuple(_logs(mine, other))
    if len(rounds) < MIN_ROUNDS:
        return None
    is_known = mine.is_noise_known and (other is None or other.is_noise_known)
    return Reading(rounds=rounds, centre=float(centre(rounds, is_noise_known=is_known)))


def readings(nights: Iterable[Entry], series: Series) -> tuple[Reading, ...]:
    """Those of *nights* that tell something of *series*."""
    return tuple(found for night in nights if (found := reading(night, series)))


def accepted(
    nights: Sequence[Entry], series: Series, *, known: Iterable[Known], today: date
) -> tuple[Entry, ...]:
    """
    The nights that tonight is to be compared with, oldest first.

    Those of the last accepted level: a confirmed improvement begins one, and so does a known
    regression for as long as it is known. A regression that nobody has taken on is no level:
    its nights are left out until one passes that is not flagged.
    """
    mine = [each for each in known if each.covers(series.cell, series.metric)]
    active = [each.since for each in mine if each.is_active(today)]
    expired = [each.since for each in mine if each.has_expired(today)]
    if active:
        nights = [night for night in nights if night.day >= max(active)]
    elif expired:
        nights = [night for night in nights if night.day < min(expired)]
    found: list[Entry] = []
    is_open = False
    for night in nights:
        event = _event(night, series)
        if event is not None and event.kind is Kind.IMPROVEMENT:
            found.clear()
        # What was told before it was known is what is known.
        is_alarm = event is not None and event.kind is Kind.REGRESSION
        is_alarm = is_alarm and (not active or (event is not None and event.is_known))
        is_open = is_alarm or (is_open and event is not None)
        if not is_open:
            found.append(night)
    return tuple(found)


def level(entry: Entry, cell: str, metric: str) -> Level | None:
    """What the run of *entry* gave of *cell* on *metric*, if anything."""
    return entry.levels.get(cell, {}).get(metric)


def _pinned(entry: Entry) -> dict[str, list[str]]:
    """By cell: what it may be read against, the nearest first."""
    found: dict[str, list[str]] = {}
    for role in _PINNED:
        for comparison in entry.design.comparisons:
            if comparison.role is role:
                found.setdefault(comparison.cell, []).append(comparison.baseline)
    return found


def _logs(mine: Level, other: Level | None) -> Iterator[float]:
    for number, value in mine.rounds.items():
        if other is None:
            yield value
        elif number in other.rounds:
            yield value - other.rounds[number]


def _event(entry: Entry, series: Series) -> Event | None:
    """What the night told of the series; None if nothing."""
    wanted = (series.cell, series.metric, series.control)
    events = entry.night.events if entry.night else ()
    return next((e for e in events if (e.cell, e.metric, e.control) == wanted), None)
