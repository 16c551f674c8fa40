from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

import msgspec

from lab.forecast.memory import SANDBOX, memory
from lab.matrix import Cell
from scenarios.lifecycle.test_startup import MEMORY
from tests.fake_run import FakeRun

if TYPE_CHECKING:
    from lab.run import Run

CELLS = tuple(
    map(Cell.parse, ("veth+overlayfs+runc", "tcfilter+9p+reference", "none+9p+reference"))
)


def run(seed: int = 7) -> Run:
    return FakeRun(cells=CELLS, rounds=3, seed=seed).read()


def values(runs: list[Run], cell: Cell) -> list[float]:
    samples = (sample for each in runs for sample in each.samples)
    return [s.value for s in samples if s.metric.name == SANDBOX and s.cell == str(cell)]


def test_the_metric_is_the_scenarios() -> None:
    assert MEMORY.name == SANDBOX


def test_the_largest_sandbox_is_told_by_its_median() -> None:
    runs = [run(1), run(2)]
    medians = {str(cell): statistics.median(values(runs, cell)) for cell in CELLS[1:]}

    found = memory(4608, 9000, runs=runs, cells=[*map(str, CELLS)])

    assert found.sandbox_bytes == max(medians.values())
    assert medians[found.cell] == found.sandbox_bytes
    assert (found.wanted_mib, found.available_mib) == (4608, 9000)


def test_cells_that_are_not_run_say_nothing() -> None:
    found = memory(1, 2, runs=[run()], cells=[str(CELLS[2])])

    assert found.cell == str(CELLS[2])
    assert memory(1, 2, runs=[run()], cells=["tcfilter+virtiofs+reference"]).sandbox_bytes is None
    assert msgspec.structs.asdict(memory(1, 2, runs=[], cells=[]))["cell"] == ""
