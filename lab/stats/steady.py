"""
Whether a flow was in a steady state while it was measured: flags, never a reason to leave out.

Five windows of equal length, after SNIA's Performance Test Specification, whose rule on raw
one-second samples would fail good data: of 60 samples with a standard deviation of 5 % each only
14 % pass it, and 89 to 100 % in five windows; a ramp of 30 % at the start is found in 70 to 100 %,
a drift of 16 % in 69 to 100 % (simulated). Too few intervals tell nothing: None.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOWS = 5
MAX_RANGE = 0.20
"""Of the mean of all windows: how far the highest may be from the lowest."""
MAX_EXCURSION = 0.10
"""Of the mean: how far the straight line through the windows may rise or fall over them all."""
MAX_LAG_1 = 0.5
"""Of the autocorrelation of neighbouring intervals."""
LEAST_FOR_LAG_1 = 10
"""With fewer intervals the estimate is no better than a guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steadiness:
    """How steady the intervals of one flow were."""

    range: float | None
    """Highest less lowest window, over the mean; None of fewer intervals than windows."""
    excursion: float | None
    """How far the line through the windows rises or falls from first to last, over the mean."""
    lag_1: float | None
    """Autocorrelation of neighbouring intervals, from -1 to 1."""


UNKNOWN = Steadiness(range=None, excursion=None, lag_1=None)


def steadiness(intervals: Sequence[float]) -> Steadiness:
    """How steady the rates of *intervals* of equal length are, in the order of time."""
    if len(intervals) < WINDOWS or statistics.fmean(intervals) <= 0:
        return UNKNOWN
    windows = _windows(intervals)
    mean = statistics.fmean(windows)
    slope = statistics.linear_regression(range(WINDOWS), windows).slope
    return Steadiness(
        range=(max(windows) - min(windows)) / mean,
        excursion=abs(slope) * (WINDOWS - 1) / mean,
        lag_1=_lag_1(intervals) if len(intervals) >= LEAST_FOR_LAG_1 else None,
    )


def _windows(intervals: Sequence[float]) -> list[float]:
    """The mean of each fifth; where they do not divide, neighbours differ by one interval."""
    edges = [round(number * len(intervals) / WINDOWS) for number in range(WINDOWS + 1)]
    return [statistics.fmean(intervals[low:high]) for low, high in pairwise(edges)]


def _lag_1(values: Sequence[float]) -> float | None:
    mean = statistics.fmean(values)
    apart = [value - mean for value in values]
    whole = sum(each * each for each in apart)
    if whole == 0:
        return None
    return sum(one * other for one, other in pairwise(apart)) / whole
