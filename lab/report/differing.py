"""What was not the same everywhere in a run: the dimensions that nobody asked for."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.comparability import varying

if TYPE_CHECKING:
    from lab.run import Run

NAMED = 3
"""Cells that are named for a value; of more, how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """One condition, and where it had which value."""

    name: str
    where: str
    """``within the cell`` and its name, or ``between cells``."""
    values: tuple[tuple[str, str], ...]
    """Each with what had it."""
    is_bad: bool
    """Whether it makes one cell two: then there is no number of it."""


def differing(run: Run) -> tuple[Differing, ...]:
    """What varied within a cell first, then what differs from cell to cell."""
    within = tuple(
        Differing(
            name=each.name,
            where=f"within {each.cell}",
            values=tuple((value, f"{boots} of its boots") for value, boots in each.values),
            is_bad=True,
        )
        for each in varying(run)
    )
    seen: dict[str, dict[str, dict[str, None]]] = defaultdict(lambda: defaultdict(dict))
    for sample in run.valid_samples:
        for name, value in sample.conditions.items():
            seen[f"{name} ({sample.metric.title})"][value][sample.cell] = None
    between = tuple(
        Differing(
            name=name,
            where="between cells",
            values=tuple((value, _cells(list(cells))) for value, cells in values.items()),
            is_bad=False,
        )
        for name, values in seen.items()
        if len(values) > 1
    )
    return within + between


def _cells(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= NAMED else f"{len(names)} cells"
