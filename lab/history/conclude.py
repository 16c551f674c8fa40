"""The second stage of a night, pure: what the re-run of the flagged cells makes of them."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

import msgspec

from lab.comparability import differences, told
from lab.history.epochs import key_of
from lab.history.night import Event, Kind, Night
from lab.history.screening import event_of
from lab.history.series import reading
from lab.sample import Better
from lab.stats import screen
from lab.stats.share import is_own

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.history.night import Entry
    from lab.history.screening import Screened, Seen
    from lab.history.series import Reading
    from lab.stats.screen import Expected

_GRAVEST_FIRST = tuple(Kind)


def conclude(screened: Screened, rerun: Entry | None, *, comments: tuple[str, ...] = ()) -> Night:
    """What the night tells, with the re-run of what was flagged; None if there was none."""
    decided = tuple(_decided(screened, each, rerun) for each in screened.flagged)
    return Night(
        epoch_since=screened.epoch.since,
        epoch_reason=screened.epoch.reason,
        epoch_nights=len(screened.epoch.nights) + 1,
        series=len(screened.seen),
        learning=sum(each.screening is None for each in screened.seen),
        events=(*screened.events, *sorted(decided, key=_gravest_first)),
        known=screened.known,
        comments=comments,
        warnings=screened.warnings,
        confirmed_by=rerun.run if rerun else "",
    )


def _gravest_first(event: Event) -> tuple[int, float]:
    return _GRAVEST_FIRST.index(event.kind), -abs(event.shift)


def _is_worse(shift: float, better: Better) -> bool:
    """Whether a shift of the logarithm is one to the worse."""
    return shift < 0 if better is Better.HIGHER else shift > 0


def _decided(screened: Screened, seen: Seen, rerun: Entry | None) -> Event:
    if rerun is None:
        return event_of(seen, Kind.UNDECIDED, note="there was no re-run")
    if changed := differences(key_of(screened.tonight), key_of(rerun)):
        return event_of(seen, Kind.UNDECIDED, note=f"the re-run is not comparable: {told(changed)}")
    again = reading(rerun, seen.series)
    rounds = len(again.rounds) if again else 0
    if again is None or rounds < screen.MIN_ROUNDS:
        note = f"{rounds} of {screen.ROUNDS} rounds of the re-run can be used"
        return event_of(seen, Kind.UNDECIDED, note=note)
    found = screen.confirm(
        again.rounds,
        _expected(seen.history),
        margin=seen.series.margin,
        was_screened=len(seen.history) >= screen.MIN_NIGHTS,
    )
    event = event_of(seen, Kind.NOT_CONFIRMED)
    is_same_way = found.shift * event.shift > 0
    if found.is_confirmed and is_same_way:
        event = event_of(seen, _kind(seen, rerun, found.shift))
    return msgspec.structs.replace(
        event, shift=found.shift, low=found.low, high=found.high, p=found.p, rounds=found.rounds
    )


def _kind(seen: Seen, rerun: Entry, shift: float) -> Kind:
    """What a confirmed *shift* of the ratio is."""
    mine = reading(rerun, seen.series.alone)
    if seen.own and mine is not None:
        own = mine.centre - fmean(seen.own[-screen.NIGHTS :])
        if not is_own(shift, own):
            return Kind.CONTROL
    return Kind.REGRESSION if _is_worse(shift, seen.series.better) else Kind.IMPROVEMENT


def _expected(history: Sequence[Reading]) -> Expected:
    """
    What the ratio ought to be.

    By the nights, each of which is one; with too few of them to know how they spread, by their
    rounds.
    """
    if len(history) >= screen.MIN_NIGHTS:
        return screen.expectation([each.centre for each in history[-screen.NIGHTS :]])
    return screen.expectation([value for each in history for value in each.rounds])
