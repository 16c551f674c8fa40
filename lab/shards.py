"""
A run split over several machines, so that each part can be read by itself; pure.

A shard holds its own controls: the node without a guest, the baseline of each runtime, and what
was named as a test of the run. A ratio is then always one of the same machine and the same rounds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.design import baseline_of
from lab.errors import UsageError
from lab.matrix import Cell, Runtime, control_of, in_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_FORM = re.compile(r"(\d{1,9})/(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Shard:
    """One part of a run: *number* *of* so many, written ``2/3``."""

    number: int
    """From 1."""
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """
        Read a shard back from what a user writes.

        Raises:
            UsageError: if that is no part of anything.
        """
        match = _FORM.fullmatch(text)
        if match and 1 <= int(match[1]) <= int(match[2]):
            return cls(int(match[1]), int(match[2]))
        raise UsageError(
            f"--shard: {text!r} is no part of a whole", remedy="write, for example, --shard 1/3"
        )


def cells_of(shard: Shard, cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """
    The cells of *shard*, of all *cells* of a run, with their controls among these.

    Whatever stands on one network and one storage stays together, since Kata's cells are read
    against the reference; these groups are dealt out one by one.

    Raises:
        UsageError: if there are more shards than there is to deal out.
    """
    groups = _groups(cells)
    if shard.of > len(groups):
        raise UsageError(
            f"--shard {shard}: these cells can be split into {len(groups)} at most",
            remedy=f"write --shard K/{len(groups)}, or choose more cells",
        )
    mine = {cell for group in groups[shard.number - 1 :: shard.of] for cell in group}
    return in_order(mine | set(_controls(mine, cells)))


def _groups(cells: Sequence[Cell]) -> list[list[Cell]]:
    """What is dealt out: guests by network and storage; a control that no guest has, alone."""
    controls = {control_of(cell) for cell in cells}
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        if cell.is_plain and cell not in controls:
            groups.setdefault((cell.network, cell.storage), []).append(cell)
    return list(groups.values())


def _controls(mine: Iterable[Cell], cells: Sequence[Cell]) -> Iterable[Cell]:
    """What of *cells* the cells of a shard are read against; each twin and handicap in each."""
    tests = [cell for cell in cells if not cell.is_plain]
    runtimes = {cell.runtime for cell in (*mine, *tests)} - {Runtime.RUNC}
    guests = [
        *mine,
        *(cell.plain for cell in tests),
        *(found for runtime in runtimes if (found := baseline_of(runtime, cells))),
    ]
    wanted = {*guests, *tests, *(control_of(cell) for cell in guests)}
    wanted |= {Cell(cell.network, cell.storage, Runtime.REFERENCE) for cell in guests}
    return (cell for cell in cells if cell in wanted)
