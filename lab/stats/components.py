"""
How much boots differ, how much iterations within a boot, and what follows for the plan.

A one-way model with random effects on logarithms, by the method of moments, as in Kalibera and
Jones (ISMM 2013): y = mean + boot (tau) + iteration (sigma).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_ITERATIONS = 10
"""More within a boot never pay: a boot is what repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """The parts of the spread of one metric in one cell. None is: it cannot be told."""

    boot_sd: float | None
    """Tau, relative: between boots, without what iterations bring. One iteration hides it."""
    iteration_sd: float | None
    """Sigma, relative: between the iterations of a boot."""
    mean_sd: float | None
    """Of boots' means, relative: what a comparison has to do with."""

    @property
    def icc(self) -> float | None:
        """The share of the variance of a single iteration that lies between boots."""
        if self.boot_sd is None or self.iteration_sd is None:
            return None
        total = self.boot_sd**2 + self.iteration_sd**2
        return self.boot_sd**2 / total if total else None

    def recommended_iterations(self, *, boot_s: float, iteration_s: float) -> int | None:
        """
        How many iterations a boot should have, where a boot costs *boot_s* before its first.

        The least variance for the time: the square root of the costs' ratio times the variances'.
        """
        if self.boot_sd is None or self.iteration_sd is None or iteration_s <= 0:
            return None
        if not self.boot_sd:
            return MOST_ITERATIONS if self.iteration_sd else 1
        best = math.sqrt(boot_s / iteration_s) * self.iteration_sd / self.boot_sd
        return max(1, min(MOST_ITERATIONS, round(best)))


def components(boots: Sequence[Sequence[float]]) -> Components:
    """
    Take the spread apart: for each boot the logarithms of its iterations, at least one.

    A boot component below zero, which chance brings where there is none, is zero.
    """
    means = [math.fsum(boot) / len(boot) for boot in boots]
    mean_variance = None
    if len(means) > 1:
        mean_variance = _squares(means, math.fsum(means) / len(means)) / (len(means) - 1)
    within = math.fsum(_squares(boot, mean) for boot, mean in zip(boots, means, strict=True))
    spare = sum(len(boot) - 1 for boot in boots)
    iteration_variance = within / spare if spare else None
    boot_variance = None
    if mean_variance is not None and iteration_variance is not None:
        share = math.fsum(1 / len(boot) for boot in boots) / len(boots)
        boot_variance = max(0.0, mean_variance - iteration_variance * share)
    return Components(
        boot_sd=_root(boot_variance),
        iteration_sd=_root(iteration_variance),
        mean_sd=_root(mean_variance),
    )


def _squares(values: Sequence[float], mean: float) -> float:
    return math.fsum((value - mean) ** 2 for value in values)


def _root(variance: float | None) -> float | None:
    return None if variance is None else math.sqrt(variance)
