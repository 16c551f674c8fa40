"""Invented nights, as the index has them. No figure here was ever measured."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from lab.design import comparisons_of
from lab.history.changes import due
from lab.history.conclude import conclude
from lab.history.night import Entry, Level
from lab.history.screening import screen_night
from lab.matrix import Cell
from lab.plan import Design
from lab.records import RunStatus
from lab.sample import Better
from lab.stats.screen import ROUNDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.history.known import Known
    from lab.history.night import Night
    from lab.history.screening import Screened

FIRST_NIGHT = datetime(2026, 10, 1, 2, 0, tzinfo=UTC)
METRICS = {"tcp_out_goodput": Better.HIGHER, "tcp_round_trip_p50": Better.LOWER}
CONTROL = "veth+overlayfs+runc"
CELL = "tcfilter+virtiofs+reference"
OTHER = "macvtap+virtiofs+reference"
CELLS = (CONTROL, CELL, OTHER)
FACTS = {"accelerator": "kvm", "host machine": "m1", "host kernel": "6.12", "profile": "standard"}
BOOT_SD, NIGHT_SD = 0.03, 0.02


@dataclass
class Lab:
    """A lab that measures every night, and what it has on record."""

    seed: int = 1
    cells: Sequence[str] = CELLS
    metrics: Mapping[str, Better] = field(default_factory=lambda: dict(METRICS))
    facts: dict[str, str] = field(default_factory=lambda: dict(FACTS))
    known: Sequence[Known] = ()
    is_noise_known: bool = True
    searches: bool = True
    """Whether the history is searched for changes, which takes most of the time."""
    boot_sd: float = BOOT_SD
    shifts: dict[tuple[str, str], float] = field(default_factory=dict)
    """By cell and metric: by how much its level is another than at first, as a factor."""
    entries: list[Entry] = field(default_factory=list)
    number: int = 0
    reruns: int = 0

    def __post_init__(self) -> None:
        self.generator = np.random.default_rng(self.seed)

    def measure(self, *, rounds: int = 5, cells: Sequence[str] = ()) -> Entry:
        """Measure *cells* in *rounds* rounds now, all of them by default."""
        drift = self.generator.normal(0, NIGHT_SD)
        chosen = cells or self.cells
        created = FIRST_NIGHT + timedelta(days=self.number, hours=self.reruns)
        return Entry(
            run=f"{created:%Y-%m-%dT%H}-standard",
            stamp=(),
            created=created,
            topology="embedded",
            status=RunStatus.COMPLETE,
            facts=dict(self.facts),
            metrics={},
            profile="standard",
            design=Design(
                primary=tuple(self.metrics),
                comparisons=comparisons_of([Cell.parse(cell) for cell in chosen]),
            ),
            levels={
                cell: {
                    metric: self._level(cell, metric, better, rounds=rounds, drift=drift)
                    for metric, better in self.metrics.items()
                }
                for cell in chosen
            },
        )

    def _level(self, cell: str, metric: str, better: Better, *, rounds: int, drift: float) -> Level:
        shift = math.log(self.shifts.get((cell, metric), 1.0))
        values = self.generator.normal(20 + drift + shift, self.boot_sd, rounds)
        return Level(
            better=better,
            rounds={number: float(value) for number, value in enumerate(values, start=1)},
            is_noise_known=self.is_noise_known,
        )

    def screen(self) -> Screened:
        """The first stage of tonight; nothing is recorded."""
        return screen_night(self.measure(), self.entries, known=self.known)

    def night(self) -> Night:
        """Spend one night: both stages, and the record of them."""
        screened = self.screen()
        rerun = None
        if screened.flagged:
            self.reruns = 3
            rerun = self.measure(rounds=ROUNDS, cells=screened.cells)
            self.reruns = 0
        night = conclude(screened, rerun, comments=due(screened) if self.searches else ())
        self.entries.append(msgspec.structs.replace(screened.tonight, night=night))
        self.number += 1
        return night

    def nights(self, count: int) -> list[Night]:
        """Spend *count* nights."""
        return [self.night() for _ in range(count)]
