"""
The robust companion of an interval: Hodges and Lehmann's shift with the exact rank test.

It is there to disagree. An interval from means can be carried by one boot; ranks cannot.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MOST_EXACT = 50
"""Boots of a side up to which the exact distribution is used; above, the normal one is as good."""
DECIMALS = 12
"""Of a logarithm: what differs by less is a tie, and not rounding's to order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """What ranks say of the shift between two series."""

    shift: float
    p: float
    """Two-sided. With ties it is too large rather than too small."""
    least_p: float
    """The smallest that so few boots can give: five pairs cannot go below 0.0625."""

    def contradicts(self, p: float, shift: float, *, alpha: float) -> bool:
        """
        Whether a test that said *p* and *shift* says another thing of significance at *alpha*.

        Where ranks cannot reach alpha, their strongest possible answer counts as significant;
        where they can and it was not asked for, it does not.
        """
        if p > alpha:
            return self.p <= alpha
        return self.p > max(alpha, self.least_p) or self.shift * shift < 0


def signed_rank(
    rows: Sequence[Sequence[float]], baselines: Sequence[Sequence[float]]
) -> list[Companion]:
    """Wilcoxon's signed ranks for pairs: one answer for each row and its baseline."""
    differences = np.round(np.array(rows) - np.array(baselines), DECIMALS)
    boots = differences.shape[1]
    one, other = np.triu_indices(boots)
    walsh = (differences[:, one] + differences[:, other]) / 2
    result = stats.wilcoxon(differences, axis=1, method="exact" if _has_exact(boots) else "approx")
    return _companions(
        np.median(walsh, axis=1), np.asarray(result.pvalue), least_p=2.0 ** (1 - boots)
    )


def rank_sum(
    rows: Sequence[Sequence[float]], baselines: Sequence[Sequence[float]]
) -> list[Companion]:
    """Mann and Whitney's rank sum: one answer for each row and its baseline."""
    one = np.round(np.array(rows), DECIMALS)
    other = np.round(np.array(baselines), DECIMALS)
    differences = (one[:, :, None] - other[:, None, :]).reshape(len(one), -1)
    boots, others = one.shape[1], other.shape[1]
    method: Literal["exact", "asymptotic"] = (
        "exact" if _has_exact(max(boots, others)) else "asymptotic"
    )
    result = stats.mannwhitneyu(one, other, axis=1, method=method)
    return _companions(
        np.median(differences, axis=1),
        np.asarray(result.pvalue),
        least_p=2 / math.comb(boots + others, boots),
    )


def _has_exact(boots: int) -> bool:
    """By the number of boots alone: scipy's own choice would let one row's ties decide for all."""
    return boots <= MOST_EXACT


def _companions(
    shifts: NDArray[np.float64], p_values: NDArray[np.float64], *, least_p: float
) -> list[Companion]:
    return [
        Companion(shift=shift, p=p, least_p=least_p)
        for shift, p in zip(shifts.tolist(), p_values.tolist(), strict=True)
    ]
