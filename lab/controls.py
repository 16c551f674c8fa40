"""Which cells join those that a user named, so that what is measured can be trusted and read."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from lab.design import baseline_of
from lab.matrix import CONTROLS, KATA, Cell, Runtime, Variant, control_of, in_order, own_runtimes
from lab.plan import Addition
from lab.profile import PUBLISH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.profile import Profile

MIN_CLAIMING_ROUNDS = 5
"""Fewer rounds claim nothing (statistics need five boots of a cell): no controls are added."""


class Controls(StrEnum):
    """Which controls a run adds to its cells."""

    AUTO = "auto"
    """
    From five rounds on: the cells that others are read against, and a twin; in a ``publish``
    run a handicap too.
    """
    NONE = "none"
    """What was named, and nothing else."""
    TWIN = "twin"
    """A twin, and nothing else."""
    HANDICAP = "handicap"
    """A handicap, and nothing else."""
    ALL = "all"
    """All that there are, whatever the rounds and the profile."""


def with_controls(
    cells: Sequence[Cell], controls: Controls, *, profile: Profile, rounds: int, has_reference: bool
) -> tuple[tuple[Cell, ...], tuple[Addition, ...]]:
    """
    Return *cells* with the controls of a run, in the order of the matrix, and what was added.

    A twin or a handicap that was named brings its plain cell in any case.

    Args:
        has_reference: Whether the bench has the reference runtime; a cluster has not.
    """
    reasons: dict[Cell, str] = {}
    for cell, reason in _wanted(cells, controls, profile=profile, rounds=rounds):
        if cell not in cells and (has_reference or cell.runtime is not Runtime.REFERENCE):
            reasons.setdefault(cell, reason)
    every = in_order({*cells, *reasons})
    return every, tuple(
        Addition(cell_name=str(cell), reason=reasons[cell]) for cell in every if cell in reasons
    )


def _wanted(
    cells: Sequence[Cell], controls: Controls, *, profile: Profile, rounds: int
) -> Iterator[tuple[Cell, str]]:
    is_all = controls is Controls.ALL
    claims = is_all or (controls is Controls.AUTO and rounds >= MIN_CLAIMING_ROUNDS)
    for cell in cells:
        if not cell.is_plain:
            yield cell.plain, f"{cell} is compared with it"
        elif claims:
            yield from _read_against(cell)
    baseline = _baseline(cells)
    if claims or controls is Controls.TWIN:
        yield baseline.of(Variant.TWIN), f"negative control: it is {baseline} once more"
    if is_all or controls is Controls.HANDICAP or (claims and profile.name == PUBLISH.name):
        yield baseline.of(Variant.HANDICAP), f"positive control: it is {baseline}, slowed by 10 %"


def _read_against(cell: Cell) -> Iterator[tuple[Cell, str]]:
    """What *cell* is read against: without a guest, and without its runtime's code."""
    if control := control_of(cell):
        yield control, f"control: what {cell.storage} is read against"
    if cell.runtime not in CONTROLS:
        reference = Cell(cell.network, cell.storage, Runtime.REFERENCE)
        code = "Kata's" if cell.runtime in KATA else "its runtime's"
        yield reference, f"control: {cell} without {code} code"


def _baseline(cells: Sequence[Cell]) -> Cell:
    """The cell that the run tests itself with: the baseline of what it is about."""
    plain = in_order({cell.plain for cell in cells})
    runtimes = (*KATA, *own_runtimes(), Runtime.REFERENCE, Runtime.RUNC)
    found = (baseline_of(runtime, plain) for runtime in runtimes)
    return next(cell for cell in found if cell)
