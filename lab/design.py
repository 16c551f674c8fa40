"""What a run declares before its first sample: which metrics count, and who is compared to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.matrix import CONTROLS, Cell, Network, Runtime, Storage, Variant, control_of
from lab.plan import Comparison, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

PRIMARY = (
    "tcp_out_goodput",
    "tcp_round_trip_p50",
    "start_to_answer",
    "random_read_4k",
    "random_write_4k_p99",
    "sequential_read",
)
"""
One metric each for what a sandbox is asked for: bulk and answers over the network, its start,
small reads, the slowest small writes, and bulk from its storage.
"""
HELD = ("tcp_out_goodput", "tcp_in_goodput", "random_read_4k", "random_write_4k")
"""What a handicap is held to a share of: only these show whether it is found."""
BASELINE = (Network.TCFILTER, Storage.VIRTIOFS)
"""Kata's defaults: what the other cells of a runtime are compared with."""


def baseline_of(runtime: Runtime, cells: Iterable[Cell]) -> Cell | None:
    """What other cells of *runtime* are compared with: Kata's defaults, or else the first."""
    mine = [cell for cell in cells if cell.runtime is runtime and cell.is_plain]
    default = Cell(*BASELINE, runtime)
    return default if default in mine else next(iter(mine), None)


def held_by(cell: Cell) -> tuple[str, ...]:
    """What of :data:`HELD` a handicap of *cell* can be held in: without a veth, not the way out."""
    return HELD if cell.network is not Network.NONE else HELD[1:]


def comparisons_of(cells: Sequence[Cell], *, added: Iterable[Cell] = ()) -> tuple[Comparison, ...]:
    """
    Every comparison that *cells* are good for, the gate's first.

    *added* are those that are there for the sake of the others: the gate does not judge them.
    A control without a guest is judged by nobody.
    """
    guests = [cell for cell in cells if cell.runtime is not Runtime.RUNC and cell.is_plain]
    judged = [cell for cell in guests if cell not in set(added)]
    return tuple(
        Comparison(cell=str(cell), baseline=str(baseline), role=role)
        for role, pairs in (
            (Role.BASELINE, _with_baseline(judged)),
            (Role.CONTROL, ((cell, control_of(cell)) for cell in guests)),
            (Role.REFERENCE, _with_reference(guests)),
            (Role.TWIN, _with_plain(cells, Variant.TWIN)),
            (Role.HANDICAP, _with_plain(cells, Variant.HANDICAP)),
        )
        for cell, baseline in pairs
        if baseline in cells
    )


def _with_baseline(cells: Sequence[Cell]) -> Iterator[tuple[Cell, Cell | None]]:
    for cell in cells:
        baseline = baseline_of(cell.runtime, cells)
        if cell != baseline:
            yield cell, baseline


def _with_reference(cells: Sequence[Cell]) -> Iterator[tuple[Cell, Cell]]:
    for cell in cells:
        if cell.runtime not in CONTROLS:
            yield cell, Cell(cell.network, cell.storage, Runtime.REFERENCE)


def _with_plain(cells: Sequence[Cell], variant: Variant) -> Iterator[tuple[Cell, Cell]]:
    for cell in cells:
        if cell.variant is variant:
            yield cell, cell.plain
