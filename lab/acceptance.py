"""What a run of the default matrix must show before anybody relies on this bench."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.matrix import DEFAULT_CELLS, Cell, Runtime, Storage
from lab.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.run import Run

PROVEN_SCENARIOS = ("network/test_connectivity.py", "network/test_parity.py")
EVIDENCE_PHASES = ("before", "after")
MUST_RUN = tuple(
    cell
    for cell in DEFAULT_CELLS
    if cell.runtime is Runtime.REFERENCE and cell.storage is not Storage.VIRTIOFS_DAX
)
"""virtiofs-dax is left out: no distribution has the parts, and the bench says so itself."""


def shortcomings(run: Run) -> tuple[str, ...]:
    """What *run* lacks of connectivity, parity, evidence and samples, a line each."""
    return tuple(line for cell in MUST_RUN for line in _of_cell(run, cell))


def _of_cell(run: Run, cell: Cell) -> Iterator[str]:
    name = str(cell)
    records = [record for record in run.outcomes if record.cell == name]
    for file in PROVEN_SCENARIOS:
        found = [record for record in records if record.scenario.startswith(file)]
        passed = [record for record in found if record.outcome is Outcome.PASS]
        if not found or len(passed) < len(found):
            yield f"{name}: {len(passed)} of {len(found)} scenarios of {file} passed"
    boots = [boot.id for boot in run.header.plan.order if boot.cell == cell]
    for boot in boots or [f"{name} (not in the plan)"]:
        phases = {evidence.phase for evidence in run.evidence.get(boot, ()) if evidence.facts}
        for phase in EVIDENCE_PHASES:
            if phase not in phases:
                yield f"{boot}: no evidence {phase} the measurements"
    if not any(sample.cell == name for sample in run.valid_samples):
        yield f"{name}: no valid sample"
