"""How much boots differ, by earlier runs: the spread of a comparison that is still to be made."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from lab.analysis.boots import judged
from lab.forecast.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lab.analysis.boots import Judged
    from lab.run import Run

ASSUMED_SD = 0.03
"""
Between boots of a cell, of the logarithm, where nothing is known: about a coefficient of
variation of 3 %. In the middle of what the simulations of docs/statistics.md go through (1 to
10 %); real noise may be several times that.
"""


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """The standard deviation of the ratio of two cells' boots within a round, of its logarithm."""

    sd: float
    source: Source


@dataclass(frozen=True, slots=True)
class History:
    """The boots of earlier runs, without contaminated samples."""

    runs: tuple[Judged, ...]

    @classmethod
    def of(cls, runs: Iterable[Run]) -> History:
        """Sort the valid samples of *runs* by cell, metric and boot."""
        return cls(tuple(judged(run.valid_samples) for run in runs))

    def spread(self, cell: str, baseline: str, metric: str) -> Spread:
        """
        What is known of the ratio of *cell* to *baseline* on *metric*.

        By the ratios of rounds that had both; else by the boots of each, or of all cells that
        have the metric, as if they were independent.
        """
        if sd := _pooled([self._ratios(run, cell, baseline, metric) for run in self.runs]):
            return Spread(sd=sd, source=Source.MEASURED)
        one, other = (self._boots((name,), metric) for name in (cell, baseline))
        if one and other:
            return Spread(sd=math.hypot(one, other), source=Source.MEASURED)
        everywhere = {name for run in self.runs for name, _ in run.series}
        if sd := self._boots(tuple(sorted(everywhere)), metric):
            return Spread(sd=math.hypot(sd, sd), source=Source.SIMILAR)
        return Spread(sd=math.hypot(ASSUMED_SD, ASSUMED_SD), source=Source.ASSUMED)

    def _boots(self, cells: Sequence[str], metric: str) -> float | None:
        return _pooled(
            [list(_logs(run, cell, metric).values()) for run in self.runs for cell in cells]
        )

    @staticmethod
    def _ratios(run: Judged, cell: str, baseline: str, metric: str) -> list[float]:
        one, other = (_logs(run, name, metric) for name in (cell, baseline))
        return [one[number] - other[number] for number in sorted(one.keys() & other.keys())]


def _logs(run: Judged, cell: str, metric: str) -> dict[int, float]:
    """The logarithm of each boot's value, by round; nothing if one has none."""
    series = run.series.get((cell, metric))
    values = series.boots if series else {}
    if any(not math.isfinite(value) or value <= 0 for value in values.values()):
        return {}
    return {number: math.log(value) for number, value in values.items()}


def _pooled(groups: Iterable[Sequence[float]]) -> float | None:
    """The standard deviation within groups; None where no group has two values that differ."""
    useful = [group for group in groups if len(group) > 1]
    freedom = sum(len(group) - 1 for group in useful)
    if not freedom:
        return None
    squares = sum((len(group) - 1) * statistics.variance(group) for group in useful)
    return math.sqrt(squares / freedom) or None
