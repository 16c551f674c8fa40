"""
Many comparisons at once, and how many of their findings may be false.

The gate is held by Holm: among all that it judges in a run, the chance of any false alarm stays
below alpha. What is explored is held by Benjamini and Hochberg: among what is marked, the share
of false marks stays below q.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p values, in the order given."""
    adjusted = [0.0] * len(p_values)
    worst = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = worst
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's adjusted p values, in the order given."""
    if not p_values:
        return []
    adjusted: list[float] = stats.false_discovery_control(p_values, method="bh").tolist()
    return adjusted
