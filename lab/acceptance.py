"""What a run of the default matrix must show before anybody relies on this bench."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.matrix import DEFAULT_CELLS, Cell, Runtime, Storage
from lab.outcome import Outcome
from lab.records import RunStatus

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
    lines = [line for cell in MUST_RUN for line in _of_cell(run, cell)]
    if run.header.status is not RunStatus.COMPLETE:
        lines.insert(0, f"the run is {run.header.status}")
    return tuple(lines)


def _of_cell(run: Run, cell: Cell) -> Iterator[str]:
    name = str(cell)
    records = [record for record in run.outcomes if record.cell == name]
    boots = [boot.id for boot in run.header.plan.order if boot.cell == cell]
    for file in PROVEN_SCENARIOS:
        known = {each.scenario for each in run.outcomes if each.scenario.startswith(file)}
        passed = {
            (each.boot, each.scenario)
            for each in records
            if each.outcome is Outcome.PASS and each.scenario in known
        }
        wanted = len(known) * max(1, len(boots))
        if not wanted or len(passed) < wanted:
            yield f"{name}: {len(passed)} of {wanted} scenarios of {file} passed"
    for boot in boots or [f"{name} (not in the plan)"]:
        phases = {evidence.phase for evidence in run.evidence.get(boot, ()) if evidence.facts}
        for phase in EVIDENCE_PHASES:
            if phase not in phases:
                yield f"{boot}: no evidence {phase} the measurements"
    if not any(sample.cell == name for sample in run.valid_samples):
        yield f"{name}: no valid sample"
