from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest

from lab.acceptance import MUST_RUN, shortcomings
from lab.matrix import DEFAULT_CELLS
from lab.outcome import Evidence, Outcome
from lab.records import BootEvent, BootRecord
from lab.run import Run
from tests.fake_run import CHECKS, CREATED, NO_DAX, FakeRun, Trouble

if TYPE_CHECKING:
    from pathlib import Path

CELL = "tcfilter+9p+reference"
OUTCOME = re.compile(r": \S+ is [A-Z-]+: ")
DAX = {
    str(cell): Trouble(Outcome.UNSUPPORTED, NO_DAX)
    for cell in DEFAULT_CELLS
    if "dax" in cell.storage
}


def everything(fake: FakeRun, root: Path) -> tuple[str, ...]:
    lacking = shortcomings([Run.load(fake.write(root))])
    return tuple(line for lines in lacking.values() for line in lines)


def found(fake: FakeRun, root: Path) -> tuple[str, ...]:
    """What is lacking, without the lines that only repeat an outcome."""
    return tuple(line for line in everything(fake, root) if not OUTCOME.search(line))


def test_nine_cells_must_run() -> None:
    assert {str(cell) for cell in MUST_RUN} == {
        f"{network}+{storage}+reference"
        for network in ("tcfilter", "macvtap", "none")
        for storage in ("virtiofs", "9p", "devmapper")
    }


def test_a_whole_run_lacks_nothing(tmp_path: Path) -> None:
    assert found(FakeRun(trouble=DAX), tmp_path) == ()


def test_every_round_must_be_good(tmp_path: Path) -> None:
    trouble = {CELL: Trouble(Outcome.FAIL, "no answer", rounds=(2,), scenario=CHECKS[0])}

    lacking = found(FakeRun(rounds=2, trouble=trouble), tmp_path)

    assert lacking == (f"{CELL}: 5 of 6 scenarios of network/test_connectivity.py passed",)


@pytest.mark.parametrize(
    ("scenario", "line"),
    [
        (CHECKS[1], "2 of 3 scenarios of network/test_connectivity.py passed"),
        (CHECKS[4], "1 of 2 scenarios of network/test_parity.py passed"),
    ],
)
@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.PASS])
def test_connectivity_and_parity_must_pass(
    tmp_path: Path, outcome: Outcome, scenario: str, line: str
) -> None:
    trouble = {CELL: Trouble(outcome, "because", scenario=scenario)}

    assert found(FakeRun(trouble=trouble), tmp_path)[0] == f"{CELL}: {line}"


def test_any_scenario_that_failed_is_a_shortcoming(tmp_path: Path) -> None:
    trouble = {CELL: Trouble(Outcome.FAIL, "broken fio", scenario=CHECKS[5])}

    assert everything(FakeRun(trouble=trouble), tmp_path) == (
        f"{CELL}: {CHECKS[5]} is FAIL: broken fio",
    )


def test_one_run_that_shows_a_cell_whole_is_enough(tmp_path: Path) -> None:
    lost = FakeRun(trouble={**DAX, CELL: Trouble(Outcome.BLOCKED, "hung")}).write(tmp_path / "a")
    whole = FakeRun(trouble=DAX).write(tmp_path / "b")

    assert [str(cell) for cell in shortcomings([Run.load(lost)])] == [CELL]
    assert shortcomings([Run.load(lost), Run.load(whole)]) == {}
    assert shortcomings([Run.load(whole), Run.load(lost)]) == {}


def test_a_boot_that_the_bench_lost_is_shown_by_the_one_made_in_its_place() -> None:
    run, again = FakeRun(trouble=DAX).read(), f"{CELL}-a2"
    change = msgspec.structs.replace
    whole = [change(each, boot=again, attempt=2) for each in run.recorded if each.boot == CELL]
    rest = [each for each in run.recorded if each.boot != CELL]
    gone = [change(each, boot=CELL, attempt=1, outcome=Outcome.INFRA) for each in whole]
    journal = tuple(
        BootRecord(boot=again, event=event, at=CREATED, first=CELL, attempt=2)
        for event in (BootEvent.BEGUN, BootEvent.ENDED)
    )

    lost = replace(run, recorded=(*rest, *gone), evidence={**run.evidence, CELL: ()})
    made = replace(
        lost,
        recorded=(*rest, *gone, *whole),
        samples=tuple(
            change(each, boot=again) if each.boot == CELL else each for each in run.samples
        ),
        evidence={**lost.evidence, again: run.evidence[CELL]},
        journal=journal,
    )

    assert [str(cell) for cell in shortcomings([lost])] == [CELL]
    assert shortcomings([made]) == {}


def test_no_run_shows_nothing() -> None:
    assert set(shortcomings([])) == set(MUST_RUN)


def test_a_cell_that_did_not_come_up_lacks_everything(tmp_path: Path) -> None:
    trouble = {CELL: Trouble(Outcome.BLOCKED, "no kernel")}

    assert found(FakeRun(trouble=trouble), tmp_path) == (
        f"{CELL}: 0 of 3 scenarios of network/test_connectivity.py passed",
        f"{CELL}: 0 of 2 scenarios of network/test_parity.py passed",
        f"{CELL}: no evidence before the measurements",
        f"{CELL}: no evidence after the measurements",
        f"{CELL}: no valid sample",
    )


def test_a_cell_that_was_not_chosen_lacks_everything(tmp_path: Path) -> None:
    chosen = [cell for cell in DEFAULT_CELLS if str(cell) != CELL]

    assert found(FakeRun(cells=chosen), tmp_path) == (
        f"{CELL}: 0 of 3 scenarios of network/test_connectivity.py passed",
        f"{CELL}: 0 of 2 scenarios of network/test_parity.py passed",
        f"{CELL} (not in the plan): no evidence before the measurements",
        f"{CELL} (not in the plan): no evidence after the measurements",
        f"{CELL}: no valid sample",
    )


def test_evidence_without_facts_is_none(tmp_path: Path) -> None:
    path = FakeRun().write(tmp_path)
    file = path / "evidence" / f"{CELL}.json"
    kept = msgspec.json.decode(file.read_bytes(), type=list[Evidence])
    kept[1] = Evidence(phase="after", facts=(), raw={})
    file.write_bytes(msgspec.json.encode(kept))

    (lines,) = shortcomings([Run.load(path)]).values()
    assert lines == (f"{CELL}: no evidence after the measurements",)


def test_evidence_that_contradicts_its_cell_makes_its_samples_worthless(tmp_path: Path) -> None:
    lacking = found(FakeRun(contradicted=frozenset({CELL})), tmp_path)

    assert f"{CELL}: no valid sample" in lacking


def test_the_bench_may_lack_dax_and_says_so_itself(tmp_path: Path) -> None:
    without = [cell for cell in DEFAULT_CELLS if "dax" not in cell.storage]

    assert found(FakeRun(cells=without), tmp_path) == ()
