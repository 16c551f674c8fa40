"""How often a flag is raised: where there is nothing, and where there is something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lab.stats.effect import Flag
from tests.simulations.campaigns import effects
from tests.simulations.noise import distinct, heavy, normal, unnoticed
from tests.simulations.section import Check, Section, generator, percent, share

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.random import Generator

    from tests.simulations.noise import Floats

BOOTS = (5, 8, 10, 20)
MOST = 0.04
"""
Of flags on normal boots.

A cell is taken for bimodal in 1 % at most, and an effect has two.
"""


def halves(random: Generator, campaigns: int, boots: int) -> Floats:
    """Half of the boots lie lower by 10 %, and all vary by 1 %."""
    shape = (2, campaigns, boots)
    return np.where(random.random(shape) < 0.5, -0.1, 0.0) + random.normal(0, 0.01, shape)


MODELS: Mapping[str, Callable[[Generator, int, int], Floats]] = {
    "normal": normal,
    "Student's t, 3 degrees": heavy,
    "3 % contaminated, unnoticed": unnoticed,
    "bimodal, a fifth of the boots": distinct,
    "bimodal, half of the boots": halves,
}


def flags(*, repeats: int = 2000, boots: Sequence[int] = BOOTS) -> Section:
    """What is flagged of equal cells."""
    rows, checks = [], []
    for flag in (Flag.BIMODAL, Flag.SHAPE):
        for name, make in MODELS.items():
            rates = []
            for count in boots:
                found = effects(make(generator("flags", name, count), repeats, count))
                rates.append(share([flag in effect.flags for effect in found]))
                if name == "normal":
                    checks.append(
                        Check(name=f"{flag}, {name}, {count} boots", value=rates[-1], high=MOST)
                    )
            rows.append((flag.value, name, *map(percent, rates)))
    return Section(
        goal="Flags",
        title="What is flagged",
        text=(
            f"{repeats} campaigns a figure of two equal cells, paired; the share of effects with"
            " the flag. `bimodal`: the boots of a side fall into two groups (never with fewer than"
            " eight boots). `shape`: the interval and the rank test disagree about significance."
            f" Accepted on normal boots: {percent(MOST, 0)}."
        ),
        header=("flag", "noise", *(f"{count} boots" for count in boots)),
        rows=tuple(rows),
        checks=tuple(checks),
    )
