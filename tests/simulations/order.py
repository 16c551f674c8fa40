"""S6: what a drift of the machine does to equal cells, in one order and in another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lab.stats.effect import ALPHA
from tests.simulations.campaigns import effects, is_significant
from tests.simulations.noise import autoregressive, shuffled
from tests.simulations.section import Check, Section, band, generator, percent, share

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.random import Generator

    from tests.simulations.noise import Floats

BOOTS = 10
NOISE = 0.02
CHANGE = 0.05


def none(_: Generator, campaigns: int, slots: int) -> Floats:
    """The machine stays as it is."""
    return np.zeros((campaigns, slots))


def linear(_: Generator, campaigns: int, slots: int) -> Floats:
    """It becomes slower by 5 % over the run."""
    return np.broadcast_to(np.linspace(0, -CHANGE, slots), (campaigns, slots))


def step(random: Generator, campaigns: int, slots: int) -> Floats:
    """It becomes slower by 5 % at some moment."""
    moments = random.integers(1, slots, (campaigns, 1))
    return np.where(np.arange(slots) >= moments, -CHANGE, 0.0)


DRIFTS: Mapping[str, Callable[[Generator, int, int], Floats]] = {
    "none": none,
    "AR(1), rho 0.9, 3 %": autoregressive,
    "linear, 5 % over the run": linear,
    "one step of 5 %": step,
}


def orders(*, repeats: int = 2000) -> Section:
    """S6: the same drift over cell after cell, and over shuffled rounds."""
    low, high = band(ALPHA, repeats)
    rows, checks = [], []
    for name, drift in DRIFTS.items():
        random = generator("S6", name)
        slots = drift(random, repeats, 2 * BOOTS)
        slots = slots + random.normal(0, NOISE, slots.shape)
        in_rounds = shuffled(random, slots)
        in_turn = slots.reshape(repeats, 2, BOOTS).swapaxes(0, 1)
        paired, unpaired, sequential, power = (
            share(list(map(is_significant, found)))
            for found in (
                effects(in_rounds),
                effects(in_rounds, same_rounds=False),
                effects(in_turn, same_rounds=False),
                effects(in_rounds, ratio=1 - CHANGE),
            )
        )
        checks.append(Check(name=f"{name}, shuffled, paired", value=paired, low=low, high=high))
        checks.append(Check(name=f"{name}, shuffled, unpaired", value=unpaired, high=high))
        rows.append((name, *map(percent, (paired, unpaired, sequential, power))))
    return Section(
        goal="S6",
        title="Drift, and the order of boots",
        text=(
            f"{repeats} campaigns a line of two equal cells, {BOOTS} boots each, boots vary by 2 %."
            f" Accepted for shuffled rounds: {percent(low)} to {percent(high)} paired, and no more"
            " unpaired. Cell after cell (`--order=sequential`, of which the lab warns) is there to"
            " show why. The last column is a real change of -5 %, found in shuffled rounds."
        ),
        header=("drift", "shuffled, paired", "shuffled, unpaired", "cell after cell", "-5 % found"),
        rows=tuple(rows),
        checks=tuple(checks),
    )
