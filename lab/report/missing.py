"""Why a cell has no value: the gravest thing that became of its scenarios."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence, Set

    from lab.matrix import Cell
    from lab.records import OutcomeRecord
    from lab.run import Run

UNMEASURED = "no scenario that measures was run in it"
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
    name = str(cell)  # once: a large run has thousands of records
    return _gravest([record for record in run.outcomes if record.cell == name], set(scenarios))


def lacking(run: Run, outcome: Outcome) -> set[Cell]:
    """The cells without any value whose gravest outcome is *outcome*."""
    measured = {sample.cell for sample in run.valid_samples}
    records: dict[str, list[OutcomeRecord]] = defaultdict(list)
    for record in run.outcomes:
        records[record.cell].append(record)
    return {
        cell
        for cell in run.header.plan.cells
        if (name := str(cell)) not in measured
        and (missing := _gravest(records[name], frozenset()))
        and missing.outcome == outcome.value
    }


def _gravest(of_cell: Sequence[OutcomeRecord], wanted: Set[str]) -> Missing | None:
    """
    The gravest of a cell's records, of the *wanted* scenarios where some are.

    A cell of which some scenarios have passed is not unsupported because of one that is.
    """
    has_passed = any(record.outcome is Outcome.PASS for record in of_cell)
    for outcome in GRAVEST_FIRST:
        for record in of_cell:
            if record.outcome is outcome and (not wanted or record.scenario in wanted):
                if outcome is Outcome.UNSUPPORTED and not wanted and has_passed:
                    return Missing(outcome=Outcome.NOT_RUN.value, reason=UNMEASURED)
                return Missing(outcome=outcome.value, reason=record.reason)
    if of_cell:
        return None
    return Missing(outcome=Outcome.NOT_RUN.value, reason="the run ended before this cell")
