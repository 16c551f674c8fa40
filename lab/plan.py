"""What will be run, and in which order: decided, and written down, before the first sample."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import msgspec

from lab.errors import UsageError
from lab.matrix import Cell

if TYPE_CHECKING:
    from collections.abc import Sequence


class Boot(msgspec.Struct, frozen=True, kw_only=True):
    """One sandbox of a cell in one round: the unit of statistics."""

    id: str
    """The cell's name, with ``-r2`` where the plan has several rounds: a pytest id, a file name."""
    cell_name: str = msgspec.field(name="cell")
    round: int
    """From 1."""
    position: int
    """Place in the order of the whole run, from 1."""

    @property
    def cell(self) -> Cell:
        """The cell that this boot is a sandbox of."""
        return Cell.parse(self.cell_name)


class Exclusion(msgspec.Struct, frozen=True, kw_only=True):
    """A cell that somebody could miss in the plan, and why it is not there."""

    cell_name: str = msgspec.field(name="cell")
    reason: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Every boot of a run, in order."""

    profile: str
    """``smoke``, ``standard`` or ``publish``."""
    rounds: int
    seed: int
    cell_names: tuple[str, ...] = msgspec.field(name="cells")
    """In the order of the matrix, not of the run."""
    order: tuple[Boot, ...]
    excluded: tuple[Exclusion, ...] = ()

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells of the plan, in the order of the matrix."""
        return tuple(map(Cell.parse, self.cell_names))


def make(
    cells: Sequence[Cell],
    *,
    profile: str,
    rounds: int,
    seed: int,
    excluded: Sequence[Exclusion] = (),
) -> Plan:
    """
    Plan *rounds* rounds: each has every cell once, shuffled by *seed*.

    A longer plan from the same seed begins with the shorter one, so that rounds can be
    added later without a new order for those that were run.
    """
    if rounds < 1:
        raise UsageError(f"--rounds: {rounds} is not a number of rounds", remedy="give 1 or more")
    if len(set(cells)) < len(cells):
        raise ValueError("a cell is in the plan twice")
    return Plan(
        profile=profile,
        rounds=rounds,
        seed=seed,
        cell_names=tuple(map(str, cells)),
        order=tuple(_shuffled(cells, rounds=rounds, seed=seed)),
        excluded=tuple(excluded),
    )


def _shuffled(cells: Sequence[Cell], *, rounds: int, seed: int) -> list[Boot]:
    generator = random.Random(seed)  # noqa: S311 - an order that can be repeated, not a secret
    order: list[Boot] = []
    for number in range(1, rounds + 1):
        for cell in generator.sample(cells, k=len(cells)):
            boot_id = str(cell) if rounds == 1 else f"{cell}-r{number}"
            order.append(
                Boot(id=boot_id, cell_name=str(cell), round=number, position=len(order) + 1)
            )
    return order
