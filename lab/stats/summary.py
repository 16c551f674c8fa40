"""
One number a boot, and what several boots say together.

The boot is the sample: iterations inside a boot are averaged before anything else, and one
boot has no spread. Rates and durations are averaged as logarithms (the geometric mean), so
that a ratio of means is the mean of ratios; what may be zero is averaged as it is.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Scale(StrEnum):
    """On which scale values are averaged and drawn."""

    LOG = "log"
    LINEAR = "linear"

    @classmethod
    def of(cls, values: Iterable[float]) -> Scale:
        """The scale for all values of a metric: logarithmic unless one of them is not positive."""
        return cls.LOG if all(value > 0 for value in values) else cls.LINEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What the boots of a cell say about a metric."""

    centre: float
    low: float
    high: float
    boots: int
    relative_sd: float | None
    """Standard deviation between boots over the centre; None for one boot, or a centre of zero."""


def mean(values: Sequence[float], scale: Scale) -> float:
    """The mean of at least one value, on *scale*."""
    if scale is Scale.LOG:
        return statistics.geometric_mean(values)
    return statistics.fmean(values)


def summarise(boot_values: Sequence[float], scale: Scale) -> Summary:
    """Summarise at least one value, each of one boot."""
    centre = mean(boot_values, scale)
    return Summary(
        centre=centre,
        low=min(boot_values),
        high=max(boot_values),
        boots=len(boot_values),
        relative_sd=_relative_sd(boot_values, centre, scale),
    )


def paired_ratio(values: Mapping[int, float], baseline: Mapping[int, float]) -> float | None:
    """
    The ratio of *values* to *baseline*, both by round, over the rounds that they share.

    Pairing by round takes out what drifted between rounds. None without a common round or
    where a value is not positive: there is no ratio to nothing.
    """
    rounds = sorted(values.keys() & baseline.keys())
    pairs = [(values[number], baseline[number]) for number in rounds]
    if not pairs or any(value <= 0 or base <= 0 for value, base in pairs):
        return None
    return math.exp(statistics.fmean(math.log(value / base) for value, base in pairs))


def _relative_sd(values: Sequence[float], centre: float, scale: Scale) -> float | None:
    if len(values) == 1:
        return None
    if scale is Scale.LOG:
        return math.expm1(statistics.stdev(map(math.log, values)))
    return statistics.stdev(values) / abs(centre) if centre else None
