"""S5: nights of the whole matrix, through both stages as they are run."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lab.history.night import Kind
from lab.matrix import Runtime, cells_of, control_of
from lab.sample import Better
from lab.stats import screen
from lab.stats.share import is_own
from tests.history.nights import Lab
from tests.simulations.section import SIGMAS, Check, Section, generator, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

CONTROL = "veth+overlayfs+runc"
GUESTS = [
    str(cell)
    for runtime in (Runtime.REFERENCE, Runtime.KATA_GO)
    for cell in cells_of([runtime])
    if str(control_of(cell)) == CONTROL
]
"""Those on the reference are read against the control without a guest, Kata's against these."""
SERIES = 25 * 6
"""The default matrix with Kata, by the primary metrics."""
MOST_PER_NIGHT = 1 / 100
"""False alarms, over all series."""
BOOT, ITERATION, ITERATIONS, NIGHT = 0.03, 0.02, 3, 0.02
ROUNDS = 5
"""Of the first stage."""
MARGIN = 0.03
CHUNK = 20_000
LEAST_TENTH, LEAST_TWENTIETH = 0.95, 0.60
NIGHTS_TO_SEE = 3


@dataclass(frozen=True, slots=True)
class World:
    """How nights go, and what is known of them."""

    name: str
    history: int = screen.NIGHTS
    disturbed: float = 0.0
    """The share of boots that something slows by 15 to 40 %."""
    is_noise_known: bool = True
    """Then a night is its mean; otherwise its median."""
    boot: float = BOOT
    rounds: int = screen.ROUNDS
    """Of the re-run."""


WORLDS = (
    World("20 nights"),
    World("20 nights, noise unknown", is_noise_known=False),
    World("the same, 3 % of boots disturbed", disturbed=0.03, is_noise_known=False),
    World("10 nights", history=screen.MIN_NIGHTS),
    World("3 nights", history=3),
    World("20 nights, boots 2 %", boot=0.02),
    World("20 nights, boots 5 %", boot=0.05),
    World("20 nights, 12 rounds again", rounds=12),
)


def nights(
    *, draws: int = 2_000_000, powers: int = 20_000, worlds: Sequence[World] = WORLDS
) -> Section:
    """S5: how often a series without a change is told, and how soon one with a change is."""
    rows, checks = [], []
    for world in worlds:
        flagged, alarms = _rates(world, draws=draws)
        per_night = alarms * SERIES
        found = {change: _seen(world, change=change, draws=powers) for change in (0.95, 0.9, 0.85)}
        blamed = [_blamed(world, change=change, draws=powers) for change in (1.05, 1.1)]
        if world.history >= screen.MIN_NIGHTS:
            checks.append(
                Check(name=f"{world.name}: false alarms", value=per_night, high=MOST_PER_NIGHT)
            )
        if world == WORLDS[0]:
            tenth, twentieth = found[0.9][0], found[0.95][1]
            checks.append(Check(name=f"{world.name}: -10 %", value=tenth, low=LEAST_TENTH))
            checks.append(Check(name=f"{world.name}: -5 %", value=twentieth, low=LEAST_TWENTIETH))
        rows.append(
            (
                world.name,
                percent(flagged),
                f"{alarms:.1e}",
                f"{1 / per_night:.0f}" if alarms else f"more than {draws / SERIES:.0f}",
                *(f"{percent(first, 0)}, {percent(within, 0)}" for first, within in found.values()),
                ", ".join(percent(share) for share in blamed),
            )
        )
    return Section(
        goal="S5",
        title="Nights",
        text=(
            f"{draws} series-nights a line without a change, {powers} with one, through the two"
            " stages of `lab nightly` (`lab.stats.screen`). Boots differ by"
            f" {percent(BOOT, 0)} unless said, their {ITERATIONS} iterations by"
            f" {percent(ITERATION, 0)}, nights by {percent(NIGHT, 0)} for cell and control alike;"
            f" {ROUNDS} rounds, and {screen.ROUNDS} in the re-run unless said. A false alarm is a"
            " change to the worse that is told and is not there;"
            f" {SERIES} series are the whole matrix. Accepted: one false alarm in 100 nights, a"
            f" change of 10 % told the same night in {percent(LEAST_TENTH, 0)}, and one of 5 %"
            f" within {NIGHTS_TO_SEE} nights in {percent(LEAST_TWENTIETH, 0)}. Found: the same"
            f" night, and within {NIGHTS_TO_SEE} nights; what was not told at first is part of the"
            " history of the nights after it. Blamed: a cell without a change is told as one,"
            " because its control is better that night."
        ),
        header=(
            "history",
            "measured again",
            "false alarms of a series in a night",
            "of the matrix: one in so many nights",
            *(f"found: -{number} %" for number in (5, 10, 15)),
            "blamed when the control moves by +5 %, +10 %",
        ),
        rows=tuple(rows),
        checks=tuple(checks),
    )


def matrix(*, labs: int = 20, nights: int = 100, cells: int = 25, metrics: int = 6) -> Section:
    """S5: the same through all of `lab nightly` but the measuring, history and epochs included."""
    alarms = again = epochs = series = 0
    for number in range(labs):
        lab = Lab(
            seed=zlib.crc32(f"S5 matrix {number}".encode()),
            cells=(CONTROL, *GUESTS[:cells]),
            metrics=dict.fromkeys((f"metric {place}" for place in range(metrics)), Better.HIGHER),
            searches=False,
        )
        lab.nights(screen.NIGHTS)
        for night in lab.nights(nights):
            kinds = [event.kind for event in night.events]
            alarms += kinds.count(Kind.REGRESSION)
            epochs += Kind.ENVIRONMENT in kinds
            again += len({event.cell for event in night.events if event.rounds})
            series = night.series
    total = labs * nights
    accepted = total * MOST_PER_NIGHT
    return Section(
        goal="S5",
        title="Nights of the whole matrix",
        text=(
            f"{labs} labs without any change, {nights} nights each after {screen.NIGHTS} of"
            f" history, through `lab.history`: {series} series of {cells} cells and their controls."
            " Accepted: one false alarm in 100 nights, and what chance adds to that (3.29 standard"
            " deviations of a count)."
        ),
        header=(
            "nights",
            "false alarms",
            "cells measured again in a night",
            "nights on which the machine was said to have changed",
        ),
        rows=((str(total), str(alarms), f"{again / total:.1f}", str(epochs)),),
        checks=(
            Check(
                name="false alarms in a night",
                value=alarms / total,
                high=(accepted + SIGMAS * math.sqrt(accepted)) / total,
            ),
            Check(name="epochs by mistake in a night", value=epochs / total, high=MOST_PER_NIGHT),
        ),
    )


def _rates(world: World, *, draws: int) -> tuple[float, float]:
    """Which share of nights without a change is measured again, and which is told as worse."""
    random = generator("S5", world.name, "rates")
    flagged = told = 0
    for start in range(0, draws, CHUNK):
        made = _Nights(world, random, min(CHUNK, draws - start), nights=world.history + 1)
        again, alarms = made.spend(world.history, 0.0)
        flagged += int(again.sum())
        told += int(alarms.sum())
    return flagged / draws, told / draws


def _seen(world: World, *, change: float, draws: int) -> tuple[float, float]:
    """Which share of changes is told the night it comes, and within some nights."""
    random = generator("S5", world.name, change, "seen")
    shift = math.log(change)
    made = _Nights(world, random, draws, nights=world.history + NIGHTS_TO_SEE)
    made.cell[:, world.history :] += shift
    told = [made.spend(world.history + night, shift)[1] for night in range(NIGHTS_TO_SEE)]
    return float(told[0].mean()), float(np.any(told, axis=0).mean())


def _blamed(world: World, *, change: float, draws: int) -> float:
    """Which share of cells is told to be worse because their control has become better."""
    random = generator("S5", world.name, change, "blamed")
    made = _Nights(world, random, draws, nights=world.history + 1)
    made.control[:, world.history] += math.log(change)
    return float(made.spend(world.history, 0.0, math.log(change))[1].mean())


class _Nights:
    """Many series at once: night by night, a cell and its control, each in some rounds."""

    def __init__(self, world: World, random: np.random.Generator, count: int, nights: int) -> None:
        self.world = world
        self.random = random
        self.night = random.normal(0, NIGHT, (count, nights, 1))
        self.cell = self._boots(count, nights, ROUNDS) + self.night
        self.control = self._boots(count, nights, ROUNDS) + self.night

    def spend(self, tonight: int, shift: float, moved: float = 0.0) -> tuple[Bools, Bools]:
        """
        Which series are measured again on the night *tonight*, and which are told as worse.

        Since the nights before, the cell has gone by *shift*, and its control has *moved*.
        """
        before = slice(tonight - self.world.history, tonight)
        ratio = self.cell - self.control
        centres = self._centre(ratio)
        shifts, p = screen.prediction(centres[:, before], centres[:, tonight])
        has_spread = self.world.history >= screen.MIN_NIGHTS
        if has_spread:
            flagged = screen.flags(shifts, p, margin=MARGIN)
            flagged &= ~self._is_control_alone(before, tonight)
        else:
            flagged = screen.is_as_large(shifts, MARGIN / 2)
        again = np.flatnonzero(flagged)
        history = centres[again, before] if has_spread else self._pooled(ratio[again, before])
        cell = self._boots(len(again), self.world.rounds) + shift
        control = self._boots(len(again), self.world.rounds) + moved
        found, told = self._confirmed(cell - control, history)
        own = cell.mean(axis=-1) + self.night[again, tonight, 0]
        told &= is_own(found, own - self._centre(self.cell[again, before]).mean(axis=-1))
        worse = np.zeros(len(flagged), dtype=bool)
        worse[again] = told & (found < 0) & (shifts[again] < 0)
        return flagged, worse

    def _confirmed(self, rounds: Floats, history: Floats) -> tuple[Floats, Bools]:
        """What the *rounds* of the re-run say, against the *history*."""
        found, _, _, p = screen.departure(rounds, *screen.level(history))
        was_screened = self.world.history >= screen.MIN_NIGHTS
        alpha = screen.CONFIRM_ALPHA if was_screened else screen.ALONE_ALPHA
        return found, screen.confirms(found, p, margin=MARGIN, alpha=alpha)

    def _is_control_alone(self, before: slice, tonight: int) -> Bools:
        flags = []
        for side in (self.control, self.cell):
            centres = self._centre(side)
            shifts, p = screen.prediction(centres[:, before], centres[:, tonight])
            flags.append(screen.flags(shifts, p, margin=MARGIN))
        return np.asarray(flags[0] & ~flags[1])

    def _centre(self, rounds: Floats) -> Floats:
        return screen.centre(rounds, is_noise_known=self.world.is_noise_known)

    @staticmethod
    def _pooled(rounds: Floats) -> Floats:
        """With few nights, their rounds are the history."""
        return rounds.reshape(len(rounds), -1)

    def _boots(self, *size: int) -> Floats:
        spread = math.hypot(self.world.boot, ITERATION / math.sqrt(ITERATIONS))
        values = self.random.normal(0, spread, size)
        if self.world.disturbed:
            is_hit = self.random.random(size) < self.world.disturbed
            values -= is_hit * self.random.uniform(0.15, 0.40, size)
        return np.asarray(values)
