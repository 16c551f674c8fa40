"""What a run of the default matrix must show before anybody relies on this bench."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.matrix import DEFAULT_CELLS, Cell, Runtime, Storage
from lab.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.run import Run

PROVEN_SCENARIOS = ("network/test_connectivity.py", "network/test_parity.py")
EVIDENCE_PHASES = ("before", "after")
MUST_RUN = tuple(
    cell
    for cell in DEFAULT_CELLS
    if cell.runtime is Runtime.REFERENCE and cell.storage is not Storage.VIRTIOFS_DAX
)
"""virtiofs-dax is left out: no distribution has the parts, and the bench says so itself."""


def shortcomings(runs: Sequence[Run]) -> dict[Cell, tuple[str, ...]]:
    """
    What each cell lacks of connectivity, parity, evidence and samples, a line each.

    One run that shows a cell whole is enough: an emulated node may hang in another, which is
    on record there as that run's own fault. Lines are those of the newest run with the cell.
    """
    found = {cell: [tuple(_of_cell(run, cell)) for run in runs] for cell in MUST_RUN}
    return {
        cell: next((lines for lines in reversed(each) if lines), ("no run was made",))
        for cell, each in found.items()
        if () not in each
    }


def _of_cell(run: Run, cell: Cell) -> Iterator[str]:
    yield from _lacking_scenarios(run, cell)
    boots = [boot.id for boot in run.order if boot.cell == cell]
    for boot in boots or [f"{cell} (not in the plan)"]:
        phases = {evidence.phase for evidence in run.evidence.get(boot, ()) if evidence.facts}
        for phase in EVIDENCE_PHASES:
            if phase not in phases:
                yield f"{boot}: no evidence {phase} the measurements"
    if not any(sample.cell == str(cell) for sample in run.valid_samples):
        yield f"{cell}: no valid sample"
    for record in run.outcomes:
        if record.cell == str(cell) and record.outcome.is_bad:
            yield f"{record.boot}: {record.scenario} is {record.outcome}: {record.reason}"


def _lacking_scenarios(run: Run, cell: Cell) -> Iterator[str]:
    boots = [boot for boot in run.order if boot.cell == cell]
    for file in PROVEN_SCENARIOS:
        known = {each.scenario for each in run.outcomes if each.scenario.startswith(file)}
        passed = {
            (each.boot, each.scenario)
            for each in run.outcomes
            if each.cell == str(cell) and each.outcome is Outcome.PASS and each.scenario in known
        }
        wanted = len(known) * max(1, len(boots))
        if not wanted or len(passed) < wanted:
            yield f"{cell}: {len(passed)} of {wanted} scenarios of {file} passed"
