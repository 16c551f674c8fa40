"""
What makes boots differ: models of noise, as logarithms of boot values.

Where nothing else is said, a boot differs by 3 % (tau), and its value is the mean of three
iterations that differ by 3 % (sigma).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

TAU = SIGMA = 0.03
ITERATIONS = 3
CONTAMINATED = 0.03
"""The share of boots that something disturbs, by 15 to 40 %."""


@dataclass(frozen=True, slots=True)
class Model:
    """A kind of noise. *make* gives both sides: sides x campaigns x boots."""

    name: str
    make: Callable[[Generator, int, int], Floats]
    is_cautious: bool = False
    """
    Whether the t test is known to find less than alpha under it, so that only too many false
    alarms are an error.
    """
    is_plain: bool = False
    """Whether it is normal, as logarithms: then nothing excuses any departure from alpha."""


def iterations(random: Generator, *shape: int, sigma: float = SIGMA) -> Floats:
    """What the mean of a boot's iterations adds."""
    return random.normal(0, sigma / math.sqrt(ITERATIONS), shape)


def normal(random: Generator, campaigns: int, boots: int) -> Floats:
    """Boots and iterations differ by many small things."""
    shape = (2, campaigns, boots)
    return random.normal(0, TAU, shape) + iterations(random, *shape)


def skewed(random: Generator, campaigns: int, boots: int) -> Floats:
    """Log-normal with a coefficient of variation of 40 %: as the slowest answers are."""
    return random.normal(0, math.sqrt(math.log1p(0.4**2)), (2, campaigns, boots))


def heavy(random: Generator, campaigns: int, boots: int) -> Floats:
    """Student's t with three degrees of freedom: now and then a boot far out."""
    return TAU * random.standard_t(3, (2, campaigns, boots))


def bimodal(
    random: Generator, campaigns: int, boots: int, *, tau: float = TAU, sigma: float = SIGMA
) -> Floats:
    """A fifth of the boots are slow by 2.5 tau; within a mode they differ by a quarter of tau."""
    shape = (2, campaigns, boots)
    modes = np.where(random.random(shape) < 0.2, -2.5 * tau, 0.0)
    return modes + random.normal(0, tau / 4, shape) + iterations(random, *shape, sigma=sigma)


def distinct(random: Generator, campaigns: int, boots: int) -> Floats:
    """The same with modes of 4 % and iterations of 2 %: the modes hardly overlap."""
    return bimodal(random, campaigns, boots, tau=0.04, sigma=0.02)


def unnoticed(random: Generator, campaigns: int, boots: int) -> Floats:
    """Some boots are disturbed, and nothing tells so."""
    return normal(random, campaigns, boots) + disturbance(random, 2, campaigns, boots)


def disturbance(random: Generator, *shape: int) -> Floats:
    """Nothing for most boots; for the others minus 15 to 40 %."""
    return np.where(random.random(shape) < CONTAMINATED, -random.uniform(0.15, 0.40, shape), 0.0)


def noticed(random: Generator, campaigns: int, boots: int) -> Floats:
    """
    Some boots are disturbed, and their noise tells so of 19 in 20; of the others of 1 in 100.

    What is told to be contaminated is NaN: no boot.
    """
    values = normal(random, campaigns, boots)
    disturbed = disturbance(random, *values.shape)
    told = random.random(values.shape) < np.where(disturbed < 0, 0.95, 0.01)
    return np.where(told, np.nan, values + disturbed)


def drifting(random: Generator, campaigns: int, boots: int) -> Floats:
    """The machine drifts, AR(1) with rho = 0.9 and 3 %; the order of each round is random."""
    slots = autoregressive(random, campaigns, 2 * boots) + iterations(random, campaigns, 2 * boots)
    return shuffled(random, slots)


def autoregressive(random: Generator, campaigns: int, slots: int, *, rho: float = 0.9) -> Floats:
    """A drift that forgets: stationary, 3 %."""
    steps = random.normal(0, TAU * math.sqrt(1 - rho**2), (campaigns, slots))
    values = np.empty((campaigns, slots))
    values[:, 0] = random.normal(0, TAU, campaigns)
    for slot in range(1, slots):
        values[:, slot] = rho * values[:, slot - 1] + steps[:, slot]
    return values


def shuffled(random: Generator, slots: Floats) -> Floats:
    """Two cells in rounds of random order, from what the machine gives in each slot."""
    campaigns, count = slots.shape
    first = random.integers(0, 2, (campaigns, count // 2))
    rounds = 2 * np.arange(count // 2)
    sides = [np.take_along_axis(slots, rounds + which, axis=1) for which in (first, 1 - first)]
    return np.array(sides)


MODELS = (
    Model("normal", normal, is_plain=True),
    Model("log-normal, CV 40 %", skewed, is_plain=True),
    Model("Student's t, 3 degrees", heavy),
    Model("bimodal boots, modes that overlap", bimodal),
    Model("bimodal boots, distinct modes", distinct, is_cautious=True),
    Model("AR(1) drift, order shuffled", drifting),
    Model("3 % contaminated, told by their noise", noticed),
    Model("3 % contaminated, unnoticed", unnoticed, is_cautious=True),
)
