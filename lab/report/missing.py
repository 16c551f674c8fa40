"""Why a cell has no value: the gravest thing that became of its scenarios."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.matrix import Cell
    from lab.run import Run

GRAVEST_FIRST = (
    Outcome.INVALID,
    Outcome.BLOCKED,
    Outcome.INFRA,
    Outcome.FAIL,
    Outcome.UNSUPPORTED,
    Outcome.NOT_RUN,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Why a cell has no value of a metric."""

    outcome: str
    reason: str


def missing_in(run: Run, cell: Cell, scenarios: Iterable[str] = ()) -> Missing | None:
    """
    The gravest reason why *cell* lacks a value that *scenarios* (or any) would have given.

    None if all went well: then the cell never had such a value to give.
    """
    wanted = set(scenarios)
    outcomes = [
        record
        for record in run.outcomes
        if record.cell == str(cell) and (not wanted or record.scenario in wanted)
    ]
    for outcome in GRAVEST_FIRST:
        for record in outcomes:
            if record.outcome is outcome:
                return Missing(outcome=outcome.value, reason=record.reason)
    if any(record.cell == str(cell) for record in run.outcomes):
        return None
    return Missing(outcome=Outcome.NOT_RUN.value, reason="the run ended before this cell")


def lacking(run: Run, outcome: Outcome) -> set[Cell]:
    """The cells without any value whose gravest outcome is *outcome*."""
    measured = {sample.cell for sample in run.valid_samples}
    without = [cell for cell in run.header.plan.cells if str(cell) not in measured]
    return {
        cell
        for cell in without
        if (missing := missing_in(run, cell)) and missing.outcome == outcome.value
    }
