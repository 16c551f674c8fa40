"""Why a cell has no value, where some of its scenarios have ended well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.matrix import Cell
from lab.outcome import Outcome
from lab.report.missing import UNMEASURED, Missing, lacking, missing_in
from lab.run import Run
from lab.store import SAMPLES
from tests.fake_run import CHECKS, FakeRun, Trouble

if TYPE_CHECKING:
    from pathlib import Path

CELL = Cell.parse("tcfilter+9p+reference")


def unmeasured(results: Path, *scenarios: str) -> Run:
    """A run that ended before its cell was measured, with some *scenarios* UNSUPPORTED."""
    trouble = {
        str(CELL): Trouble(Outcome.UNSUPPORTED, "there is one node", scenario=scenario)
        for scenario in scenarios
    }
    path = FakeRun(cells=(CELL,), trouble=trouble).write(results)
    (path / SAMPLES).unlink(missing_ok=True)
    return Run.load(path)


def test_one_unsupported_scenario_does_not_make_a_cell_unsupported(tmp_path: Path) -> None:
    run = unmeasured(tmp_path, CHECKS[0])

    assert missing_in(run, CELL) == Missing(outcome="NOT-RUN", reason=UNMEASURED)
    assert missing_in(run, CELL, CHECKS[:1]) == Missing(
        outcome="UNSUPPORTED", reason="there is one node"
    )
    assert lacking(run, Outcome.UNSUPPORTED) == set()
    assert lacking(run, Outcome.NOT_RUN) == {CELL}
