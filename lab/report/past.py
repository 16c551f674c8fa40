"""What the runs before told of the same series, up to this one: a line of dots for each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from lab.comparability import differences, told
from lab.history.epochs import key_of, stream_of
from lab.history.series import controls_of, reading, series_of
from lab.records import RunStatus
from lab.report.ratios import Span
from lab.units import count, format_change, format_multiple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lab.history.night import Entry, Event
    from lab.history.series import Series
    from lab.sample import Metric

LEAST_RUNS = 3
"""That a series is drawn of, this one among them: two dots are a comparison, and `lab compare`."""
MOST_RUNS = 90
"""That are drawn; those before them are left out."""
WIDTH, HEIGHT, INSET = 240, 28, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Era:
    """Where something that must be equal was no longer what it had been."""

    since: str
    reason: str
    place: int
    """Of the line before its first run, from the left, of WIDTH."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """One series: a cell's ratio to its control on one metric, or a control by itself."""

    cell: str
    metric: str
    against: str
    """Empty for a control."""
    dots: tuple[tuple[int, int], ...]
    """From left to right as the runs went, the last one is this run; of WIDTH and HEIGHT."""
    before: str
    """From the lowest to the highest of the runs before, in the era of this one."""
    now: str
    told: tuple[str, ...]
    """Changes of the level, and what nights said of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The runs before that may be looked at beside this one."""

    extent: str
    eras: tuple[Era, ...]
    trails: tuple[Trail, ...]
    """Cells, then the controls that they are read against."""


def past(tonight: Entry, entries: Iterable[Entry], metrics: Mapping[str, Metric]) -> Past | None:
    """
    What *entries*, of the same folder, tell of the series that *tonight* has; None if too little.

    Runs of another topology, profile or machine are others' history. Any other difference begins
    an era: dots on both sides of it are drawn, and never compared.
    """
    before = [
        entry
        for entry in entries
        if entry.status is RunStatus.COMPLETE
        and (entry.created, entry.run) < (tonight.created, tonight.run)
        and stream_of(entry) == stream_of(tonight)
    ]
    runs = [*before, tonight][-MOST_RUNS:]
    eras, start = _eras(runs)
    followed = series_of(tonight)
    trails = tuple(
        trail
        for series in (*followed, *controls_of(followed))
        if (trail := _trail(runs, series, start, metrics)) is not None
    )
    if not trails:
        return None
    return Past(
        extent=f"{count(len(runs), 'run')} since {runs[0].day:%-d %B %Y}", eras=eras, trails=trails
    )


def _eras(runs: Sequence[Entry]) -> tuple[tuple[Era, ...], int]:
    """What began on the way, and the place of the first run of the era that goes on."""
    found, start = [], 0
    for number, (one, other) in enumerate(pairwise(runs), start=1):
        if changed := differences(key_of(one), key_of(other)):
            start = number
            edge = (_across(number - 1, len(runs)) + _across(number, len(runs))) // 2
            found.append(Era(since=f"{other.day:%-d %B}", reason=told(changed), place=edge))
    return tuple(found), start


def _across(number: int, runs: int) -> int:
    return INSET + round((WIDTH - 2 * INSET) * number / max(1, runs - 1))


def _trail(
    runs: Sequence[Entry], series: Series, start: int, metrics: Mapping[str, Metric]
) -> Trail | None:
    """The *series* over *runs*, of which those from *start* on may be compared with the last."""
    read = [(number, found) for number, run in enumerate(runs) if (found := reading(run, series))]
    if len(read) < LEAST_RUNS or read[-1][0] != len(runs) - 1:
        return None
    centres = {number: found.centre for number, found in read}
    if not series.control:  # its own values have a unit: what is told is a ratio all the same
        level = sum(centres.values()) / len(centres)
        centres = {number: centre - level for number, centre in centres.items()}
    span = Span.around(list(centres.values()), width=HEIGHT)
    mine = {number: centre for number, centre in centres.items() if number >= start}
    *earlier, now = mine.values()
    return Trail(
        cell=series.cell,
        metric=metrics[series.metric].title if series.metric in metrics else series.metric,
        against=series.control,
        dots=tuple(
            (_across(number, len(runs)), HEIGHT - span.place(centre))
            for number, centre in centres.items()
        ),
        before=_between(earlier) if earlier else "",
        now=format_multiple(math.exp(now)),
        told=(*_changes(runs, series, mine), *_events(runs, series)),
    )


def _between(logs: Sequence[float]) -> str:
    low, high = (format_multiple(math.exp(end)) for end in (min(logs), max(logs)))
    return low if low == high else f"{low[:-1]} to {high}"


def _changes(runs: Sequence[Entry], series: Series, centres: Mapping[int, float]) -> Iterator[str]:
    from lab.stats.changepoint import change_points  # noqa: PLC0415 - numpy, for a second opinion

    numbers = list(centres)
    for point in change_points(list(centres.values()), series=str(series)):
        day = runs[numbers[point.index]].day
        yield f"level {format_change(math.exp(point.shift))} from {day:%-d %B} on (p {point.p:.1g})"


def _events(runs: Sequence[Entry], series: Series) -> Iterator[str]:
    wanted = (series.cell, series.metric, series.control)
    for run in runs:
        for event in run.night.events if run.night else ():
            if (event.cell, event.metric, event.control) == wanted:
                yield _said(run, event)


def _said(run: Entry, event: Event) -> str:
    known = ", known" if event.is_known else ""
    return f"{run.day:%-d %B}: {event.kind.value} {format_change(math.exp(event.shift))}{known}"
