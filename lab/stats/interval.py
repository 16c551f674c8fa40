"""Student's and Welch's intervals for the shift between two series, many at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special, stats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Series = NDArray[np.float64]
    """One number for each row."""
    Bounds = tuple[float | Series, float | Series]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """By how much one series lies above another, with the intervals of that."""

    shift: float
    low: float
    high: float
    """Of confidence ``1 - alpha``."""
    equivalence_low: float
    equivalence_high: float
    """Of confidence ``1 - 2 alpha``."""
    p: float
    """Two-sided, for no shift."""
    standard_error: float
    df: float
    """Degrees of freedom of *standard_error*."""


def paired(
    rows: Sequence[Sequence[float]], baselines: Sequence[Sequence[float]], *, alpha: float
) -> list[Interval]:
    """Student's t over the differences: one interval for each row and its baseline."""
    differences = np.array(rows) - np.array(baselines)
    result = stats.ttest_1samp(differences, 0.0, axis=1)
    return _intervals(
        differences.mean(axis=1),
        np.asarray(result.pvalue),
        np.broadcast_to(result.df, len(differences)),
        result.confidence_interval(1 - alpha),
        result.confidence_interval(1 - 2 * alpha),
        alpha=alpha,
    )


def welch(
    rows: Sequence[Sequence[float]], baselines: Sequence[Sequence[float]], *, alpha: float
) -> list[Interval]:
    """Welch's t: one interval for each row and its baseline, which may be of another length."""
    one, other = np.array(rows), np.array(baselines)
    result = stats.ttest_ind(one, other, axis=1, equal_var=False)
    return _intervals(
        one.mean(axis=1) - other.mean(axis=1),
        np.asarray(result.pvalue),
        np.asarray(result.df),
        result.confidence_interval(1 - alpha),
        result.confidence_interval(1 - 2 * alpha),
        alpha=alpha,
    )


def _intervals(
    shifts: Series,
    p_values: Series,
    df: Series,
    interval: Bounds,
    equivalence_interval: Bounds,
    *,
    alpha: float,
) -> list[Interval]:
    low, high = map(np.asarray, interval)
    errors = (high - low) / 2 / special.stdtrit(df, 1 - alpha / 2)
    columns = (shifts, low, high, *map(np.asarray, equivalence_interval), p_values, errors, df)
    return [
        Interval(
            shift=shift,
            low=low,
            high=high,
            equivalence_low=equivalence_low,
            equivalence_high=equivalence_high,
            p=p,
            standard_error=error,
            df=freedom,
        )
        for shift, low, high, equivalence_low, equivalence_high, p, error, freedom in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]
