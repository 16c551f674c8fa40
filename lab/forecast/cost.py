"""How long a boot of each cell takes: by earlier runs, or else by what its profile measures."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from lab.forecast.source import Source
from lab.matrix import Cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lab.profile import Profile
    from lab.run import Run

OVERHEAD_S = {True: 40.0, False: 15.0}
"""
By whether the node is emulated: what a boot takes besides measuring. Emulated: of a smoke run of
the default matrix (cells with a guest took 33 to 103 s, of which 9 s were measured). On hardware
nobody has measured it yet.
"""
FILE_MIB_PER_S = {True: 10.0, False: 200.0}
"""Likewise, with whole files."""
FILE_PASSES = 2
"""A file is written whole and read by half; the one that is verified is written and read."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one boot of a cell takes."""

    cell: str
    seconds: float
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is known of a boot that nobody has made yet."""

    profile: Profile
    is_emulated: bool
    doubtful: frozenset[str] = frozenset()
    """Plain cells that are not expected to get as far as measuring."""

    def seconds(self, cell: Cell) -> float:
        """What it takes at a guess."""
        overhead_s = OVERHEAD_S[self.is_emulated]
        if str(cell.plain) in self.doubtful:
            return overhead_s
        files_mib = FILE_PASSES * (self.profile.file_mib + self.profile.verified_mib)
        files_s = files_mib / FILE_MIB_PER_S[self.is_emulated]
        return self.profile.measured_s + overhead_s + files_s


def costs(cells: Iterable[str], runs: Iterable[Run], kind: Kind) -> tuple[Cost, ...]:
    """
    What a boot of each of *cells* takes.

    A twin and a handicap take what their plain cell takes; a cell that was never run takes what
    the others of its runtime have taken.
    """
    known = boot_seconds(runs)
    return tuple(_cost(name, known, kind) for name in cells)


def boot_seconds(runs: Iterable[Run]) -> dict[str, float]:
    """
    By cell: the median of what all scenarios of a boot took together, in seconds.

    Boots that were made again are left out: they run only what measures.
    """
    taken: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        boots: dict[tuple[str, str], float] = defaultdict(float)
        for record in run.recorded:
            if record.attempt == 1:
                boots[record.cell, record.boot] += record.elapsed_s
        for (cell, _), seconds in boots.items():
            taken[cell].append(seconds)
    return {cell: statistics.median(seconds) for cell, seconds in taken.items()}


def setup_seconds(runs: Iterable[Run]) -> float | None:
    """The median of what came before and after all boots; None if no run has ended."""
    taken = [
        run.timeline.total_s - sum(record.elapsed_s for record in run.recorded)
        for run in runs
        if run.timeline is not None
    ]
    return max(0.0, statistics.median(taken)) if taken else None


def _cost(name: str, known: Mapping[str, float], kind: Kind) -> Cost:
    cell = Cell.parse(name)
    for same in (name, str(cell.plain)):
        if same in known:
            return Cost(cell=name, seconds=known[same], source=Source.MEASURED)
    alike = [
        seconds for other, seconds in known.items() if Cell.parse(other).runtime is cell.runtime
    ]
    if alike and str(cell.plain) not in kind.doubtful:
        return Cost(cell=name, seconds=statistics.median(alike), source=Source.SIMILAR)
    return Cost(cell=name, seconds=kind.seconds(cell), source=Source.ASSUMED)
