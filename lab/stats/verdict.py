"""
What an interval allows to be said, against the least difference that matters.

Both sides of 1 are treated alike on the scale of logarithms, and each claim in the narrower way
that a margin of 3 % can be read: a difference is claimed from 3 % below (or its inverse, 3.1 %
above), equality within 3 % above (or its inverse, 2.9 % below).
"""

from __future__ import annotations

import math
from enum import StrEnum

from lab.sample import Better


class Verdict(StrEnum):
    """What is known of a cell against its baseline, on one metric, by the ratio of the two."""

    BETTER = "better"
    """Equality is excluded, and the difference is the margin at least, to the better."""
    WORSE = "worse"
    """Likewise, to the worse."""
    EQUIVALENT = "equivalent"
    """Any difference is within the margin; equal cells and small differences are."""
    INCONCLUSIVE = "inconclusive"
    """Neither a difference nor its absence is shown: more boots could show either."""
    UNKNOWN = "unknown"
    """The data allow no interval; a flag says why."""

    @property
    def is_difference(self) -> bool:
        """Whether the cells are said to differ."""
        return self in {Verdict.BETTER, Verdict.WORSE}


def decide(
    *,
    shift: float,
    interval: tuple[float, float],
    equivalence_interval: tuple[float, float],
    better: Better,
    margin: float,
) -> Verdict:
    """
    Judge the logarithm of a ratio, *shift*, by its intervals, also logarithms.

    A difference must exclude equality by *interval* and be at least *margin* by *shift*.
    Equivalence needs *equivalence_interval*, of confidence ``1 - 2 alpha``, within the margin:
    two one-sided tests at alpha.
    """
    low, high = interval
    if not low <= 0 <= high and abs(shift) >= -math.log1p(-margin):
        is_more = shift > 0
        return Verdict.BETTER if is_more == (better is Better.HIGHER) else Verdict.WORSE
    if max(map(abs, equivalence_interval)) < math.log1p(margin):
        return Verdict.EQUIVALENT
    return Verdict.INCONCLUSIVE
