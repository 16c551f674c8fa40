"""What will be run, and in which order: decided, and written down, before the first sample."""

from __future__ import annotations

import random
from enum import StrEnum
from itertools import product
from typing import TYPE_CHECKING

import msgspec

from lab.errors import UsageError
from lab.matrix import Cell, Network, Runtime, Storage, Variant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


PEER = Cell(Network.VETH, Storage.OVERLAYFS, Runtime.RUNC)
"""The second sandbox that a run has for as long as it lasts."""
PEER_NAME = "peer"
SEQUENTIAL = (
    "The order is sequential: whatever drifts during the run looks like a difference of cells"
    " (in simulations, 37 to 74 % of equal cells were told apart)."
)


class Boot(msgspec.Struct, frozen=True, kw_only=True):
    """One sandbox of a cell in one round: the unit of statistics."""

    id: str
    """The cell's name, with ``-r2`` where the plan has several rounds: a pytest id, a file name."""
    cell_name: str = msgspec.field(name="cell")
    """The cell that it is a sandbox of."""
    round: int
    """From 1."""
    position: int
    """Place in the order of the whole run, from 1; a repeat has that of its first attempt."""
    attempt: int = 1
    """From 1; a boot that was contaminated is repeated, as ``-a2`` and ``-a3``."""

    @property
    def first(self) -> str:
        """The id of its first attempt."""
        return self.id.removesuffix(f"-a{self.attempt}") if self.attempt > 1 else self.id

    @property
    def cell(self) -> Cell:
        """The cell that this boot is a sandbox of."""
        return Cell.parse(self.cell_name)

    @property
    def sandbox(self) -> str:
        """What its sandbox is called on the node: short enough to name an interface by."""
        return f"boot{self.position}" + (f"-{self.attempt}" if self.attempt > 1 else "")


class Exclusion(msgspec.Struct, frozen=True, kw_only=True):
    """A cell that somebody could miss in the plan, and why it is not there."""

    cell_name: str = msgspec.field(name="cell")
    """The cell that is not there."""
    reason: str
    """Why not, in a sentence."""


class Addition(msgspec.Struct, frozen=True, kw_only=True):
    """A cell in the plan that nobody named, and why it is there."""

    cell_name: str = msgspec.field(name="cell")
    """The cell that was added."""
    reason: str
    """What it is there for."""

    def __str__(self) -> str:
        return f"added {self.cell_name}: {self.reason}"


class Ordering(StrEnum):
    """In which order boots follow each other."""

    SHUFFLED = "shuffled"
    """Rounds, each with every cell once in an order of its own: drift hits all cells alike."""
    SEQUENTIAL = "sequential"
    """All boots of one cell, then all of the next: drift looks like a difference."""


class Role(StrEnum):
    """What a comparison is made for."""

    BASELINE = "baseline"
    """A cell with the baseline of its runtime: what the gate judges."""
    CONTROL = "control"
    """A cell with the control without a guest on its storage."""
    REFERENCE = "reference"
    """A cell of Kata's with the same cell without Kata's code: what Kata costs."""
    TWIN = "twin"
    """A cell with itself: the run's own false alarm test."""
    HANDICAP = "handicap"
    """A cell that was slowed on purpose with itself: the run's own test of power."""


OF_THE_RUN = {Role.TWIN, Role.HANDICAP}
"""The roles by which a run tests itself."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two cells that will be compared, and what for."""

    cell: str
    """The cell that is judged."""
    baseline: str
    """The cell that it is divided by."""
    role: Role
    """What it is made for."""


class Design(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a run declares before its first sample. As it stands here: nothing.

    Sources of the defaults: the simulations of :mod:`lab.stats` (docs/statistics.md).
    """

    primary: tuple[str, ...] = ()
    """The metrics that the gate judges, by name; all others are explored."""
    comparisons: tuple[Comparison, ...] = ()
    """Which cells are compared with which: no others are."""
    held: tuple[str, ...] = ()
    """The metrics that its handicap is held in: what must be found."""
    margins: dict[str, float] = {}
    """By metric: a margin other than *margin*."""
    margin: float = 0.03
    """The least relative difference that matters to anybody."""
    alpha: float = 0.05
    """How often the gate may raise a false alarm, over all that it judges in a run."""
    exploratory_q: float = 0.10
    """Which share of the marks outside the gate may be false."""
    precision: float = 0.05
    """Relative half-width of a ratio's interval at which no more rounds are added."""
    min_rounds: int = 1
    """So many rounds are measured whatever comes of them."""
    max_rounds: int = 1
    """So many at most, however wide the intervals are."""
    step: int = 2
    """Rounds between two looks at the precision."""
    budget_s: float | None = None
    """Wall-clock seconds after which no round is begun; None is no limit."""
    rules: int = 0
    """The version of the rules of contamination; 0 is none."""

    @property
    def judged(self) -> tuple[Comparison, ...]:
        """
        The comparisons that the run is made for: those of the gate.

        Where the gate has nothing to judge, all others but those by which a run tests itself.
        """
        gate = tuple(each for each in self.comparisons if each.role is Role.BASELINE)
        return gate or tuple(each for each in self.comparisons if each.role not in OF_THE_RUN)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Every boot of a run, in order."""

    profile: str
    """``smoke``, ``standard`` or ``publish``."""
    rounds: int
    """At most; a run whose design has fewer may end before."""
    seed: int
    """Of the order: the same seed makes the same one."""
    cell_names: tuple[str, ...] = msgspec.field(name="cells")
    """In the order of the matrix, not of the run."""
    order: tuple[Boot, ...]
    """The boots as they follow each other."""
    ordering: Ordering = Ordering.SHUFFLED
    """By which rule they do."""
    excluded: tuple[Exclusion, ...] = ()
    """Cells that somebody could miss."""
    added: tuple[Addition, ...] = ()
    """Cells that nobody named."""
    design: Design = Design()
    """What the run declares before it measures."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the plan itself makes doubtful."""
        return (SEQUENTIAL,) if self.ordering is Ordering.SEQUENTIAL else ()

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells of the plan, in the order of the matrix."""
        return tuple(map(Cell.parse, self.cell_names))

    @property
    def plain_cells(self) -> tuple[Cell, ...]:
        """Those that are combinations to measure, and not tests of the run."""
        return tuple(cell for cell in self.cells if cell.is_plain)


def make(
    cells: Sequence[Cell],
    *,
    profile: str,
    rounds: int,
    seed: int,
    excluded: Sequence[Exclusion] = (),
    added: Sequence[Addition] = (),
    design: Design | None = None,
    ordering: Ordering = Ordering.SHUFFLED,
) -> Plan:
    """
    Plan *rounds* rounds: each has every cell once, in an order that *seed* gives.

    A longer plan from the same seed begins with the shorter one, so that rounds can be
    added later without a new order for those that were run. A handicap comes after its plain
    cell: it is held to a share of what that has just reached.
    """
    if rounds < 1:
        raise UsageError(f"--rounds: {rounds} is not a number of rounds", remedy="give 1 or more")
    if len(set(cells)) < len(cells):
        raise ValueError("a cell is in the plan twice")
    pairs = (
        _shuffled(cells, rounds=rounds, seed=seed)
        if ordering is Ordering.SHUFFLED
        else product(_with_handicaps_later(list(cells)), range(1, rounds + 1))
    )
    return Plan(
        profile=profile,
        rounds=rounds,
        seed=seed,
        cell_names=tuple(map(str, cells)),
        order=_boots(pairs, rounds=rounds),
        ordering=ordering,
        excluded=tuple(excluded),
        added=tuple(added),
        design=design or Design(min_rounds=rounds, max_rounds=rounds),
    )


def _shuffled(cells: Sequence[Cell], *, rounds: int, seed: int) -> Iterator[tuple[Cell, int]]:
    generator = random.Random(seed)  # noqa: S311 - an order that can be repeated, not a secret
    for number in range(1, rounds + 1):
        for cell in _with_handicaps_later(generator.sample(cells, k=len(cells))):
            yield cell, number


def _boots(pairs: Iterable[tuple[Cell, int]], *, rounds: int) -> tuple[Boot, ...]:
    return tuple(
        Boot(
            id=str(cell) if rounds == 1 else f"{cell}-r{number}",
            cell_name=str(cell),
            round=number,
            position=position,
        )
        for position, (cell, number) in enumerate(pairs, start=1)
    )


def _with_handicaps_later(cells: list[Cell]) -> list[Cell]:
    """Let each handicap that comes before its plain cell change places with it."""
    for place, cell in enumerate(cells):
        if cell.variant is Variant.HANDICAP and cell.plain in cells[place:]:
            other = cells.index(cell.plain, place)
            cells[place], cells[other] = cells[other], cells[place]
    return cells
