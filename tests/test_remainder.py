"""What is left of a run: by its journal alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import pytest

from lab import plan
from lab.matrix import Cell
from lab.outcome import BY_THE_BENCH, Evidence, Fact, Outcome
from lab.records import BootEvent, OutcomeRecord, RunHeader
from lab.remainder import open_boots, remainder
from lab.repeats import repeat
from lab.run import Run, exit_status
from lab.store import Store
from tests.fake_run import CREATED
from tests.samples import sample

if TYPE_CHECKING:
    from pathlib import Path

    from lab.plan import Boot

CELLS = tuple(map(Cell.parse, ("tcfilter+virtiofs+reference", "macvtap+9p+reference")))
PLAN = plan.make(CELLS, profile="smoke", rounds=2, seed=1)
FIRST, SECOND, THIRD, FOURTH = PLAN.order
BEGUN, OPENED, ENDED = BootEvent.BEGUN, BootEvent.OPENED, BootEvent.ENDED
PROOF = Fact(subject="kind", source="a test", expected="tun", observed="tun", holds=True)
SCENARIO = "test_a.py::test_it"


@dataclass
class Journal:
    """A run that is being written."""

    store: Store
    made: list[Boot] = field(default_factory=list)

    def add(self, boot: Boot, *events: BootEvent, instead_of: str = "") -> None:
        for event in events:
            cut = instead_of if event is BEGUN else ""
            self.store.add_boot(boot, event, instead_of=cut)

    def came_to(self, boot: Boot, outcome: Outcome, reason: str = "") -> None:
        self.store.add_outcome(
            OutcomeRecord(
                boot=boot.id, cell=boot.cell_name, round=boot.round, scenario=SCENARIO,
                outcome=outcome, reason=reason, started=CREATED, elapsed_s=1.0,
                attempt=boot.attempt,
            )
        )  # fmt: skip

    def measured(self, boot: Boot) -> None:
        self.store.add_evidence(boot.id, Evidence(phase="before", facts=(PROOF,), raw={}))
        self.store.add_sample(
            sample(cell=boot.cell_name, boot=boot.id, round=boot.round, attempt=boot.attempt)
        )

    def whole(self, boot: Boot, instead_of: str = "") -> None:
        self.add(boot, BEGUN, OPENED, instead_of=instead_of)
        self.measured(boot)
        self.came_to(boot, Outcome.PASS)
        self.add(boot, ENDED)

    @property
    def run(self) -> Run:
        return Run.load(self.store.path)

    @property
    def left(self) -> list[str]:
        return [boot.id for boot in remainder(self.run).boots]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    header = RunHeader(created=CREATED, command_line=("lab",), topology="embedded", plan=PLAN)
    return Journal(Store.create(tmp_path, header))


def test_of_a_run_that_did_nothing_all_is_left(journal: Journal) -> None:
    assert journal.left == [boot.id for boot in PLAN.order]


def test_whole_boots_stay(journal: Journal) -> None:
    journal.whole(FIRST)

    assert journal.left == [SECOND.id, THIRD.id, FOURTH.id]


def test_a_boot_that_was_cut_short_is_made_again_in_its_place(journal: Journal) -> None:
    journal.whole(FIRST)
    journal.add(SECOND, BEGUN, OPENED)
    journal.measured(SECOND)

    left = remainder(journal.run)

    assert [boot.id for boot in left.boots] == [f"{SECOND.id}-a2", THIRD.id, FOURTH.id]
    assert left.instead_of == {f"{SECOND.id}-a2": SECOND.id}
    assert left.attempts == {SECOND.id: 1}
    assert left.set_aside == {}


def test_what_a_boot_measured_before_its_cut_is_kept_and_does_not_count(journal: Journal) -> None:
    journal.add(FIRST, BEGUN, OPENED)
    journal.measured(FIRST)
    again = repeat(FIRST, 2)
    journal.whole(again, instead_of=FIRST.id)

    run = journal.run

    assert [each.boot for each in run.samples] == [FIRST.id, again.id]
    assert [each.boot for each in run.valid_samples] == [again.id]
    assert [each.boot for each in run.outcomes] == [again.id]
    assert FIRST.id not in [boot.id for boot in run.order]
    assert again in run.order
    assert exit_status(run) == 0


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.INFRA, "the node no longer answers"),
        (Outcome.BLOCKED, f"{BY_THE_BENCH}: the node no longer answers"),
    ],
)
def test_a_boot_in_which_the_bench_failed_is_made_again(
    journal: Journal, outcome: Outcome, reason: str
) -> None:
    journal.add(FIRST, BEGUN, OPENED)
    journal.came_to(FIRST, outcome, reason)
    journal.add(FIRST, ENDED)

    assert journal.left[0] == f"{FIRST.id}-a2"


@pytest.mark.parametrize(
    "outcome", [Outcome.FAIL, Outcome.BLOCKED, Outcome.INVALID, Outcome.UNSUPPORTED]
)
def test_what_a_cell_came_to_is_not_tried_again(journal: Journal, outcome: Outcome) -> None:
    journal.add(FIRST, BEGUN, OPENED)
    journal.came_to(FIRST, outcome, "the guest said no")
    journal.add(FIRST, ENDED)

    assert journal.left[0] == SECOND.id


def test_a_boot_in_which_the_bench_failed_twice_is_set_aside(journal: Journal) -> None:
    journal.add(FIRST, BEGUN, OPENED)
    again = repeat(FIRST, 2)
    journal.add(again, BEGUN, OPENED, instead_of=FIRST.id)
    journal.came_to(again, Outcome.INFRA, "the node no longer answers\nremedy: look")

    left = remainder(journal.run)

    third = f"{FIRST.id}-a3"
    assert left.boots[0].id == third
    assert left.set_aside[third] == (
        "set aside, as the bench failed in it 2 times"
        " (attempt 1: the lab ended in it; attempt 2: the node no longer answers)"
    )


def test_what_is_set_aside_stays_so(journal: Journal) -> None:
    third = repeat(FIRST, 3)
    for boot in (FIRST, repeat(FIRST, 2)):
        journal.add(boot, BEGUN, OPENED)
    journal.add(third, BEGUN, BootEvent.SET_ASIDE, instead_of=f"{FIRST.id}-a2")
    journal.came_to(third, Outcome.INFRA, "set aside")
    journal.add(third, ENDED)

    assert journal.left == [SECOND.id, THIRD.id, FOURTH.id]
    assert exit_status(journal.run) == 3


def test_ctrl_c_is_no_fault_of_a_boots(journal: Journal) -> None:
    for boot in (FIRST, repeat(FIRST, 2), repeat(FIRST, 3)):
        journal.add(boot, BEGUN, OPENED)
        assert open_boots(journal.run) == (boot.id,)
        journal.add(boot, BootEvent.INTERRUPTED)

    left = remainder(journal.run)

    assert left.boots[0].id == f"{FIRST.id}-a4"
    assert left.set_aside == {}


def test_a_boot_whose_sandbox_was_never_started_has_failed_nobody(journal: Journal) -> None:
    for boot in (FIRST, repeat(FIRST, 2)):
        journal.add(boot, BEGUN)

    assert remainder(journal.run).set_aside == {}


def test_rounds_that_were_not_needed_are_not_left(journal: Journal, tmp_path: Path) -> None:
    del tmp_path
    run = journal.run
    shorter = msgspec.structs.replace(PLAN, order=PLAN.order[:2])
    journal.whole(FIRST)
    journal.whole(SECOND)

    assert journal.left == [THIRD.id, FOURTH.id]
    assert run.header.plan.order[:2] == shorter.order


def test_a_cell_that_takes_the_bench_down_does_so_in_no_other_round(journal: Journal) -> None:
    journal.add(FIRST, BEGUN, OPENED)
    journal.add(repeat(FIRST, 2), BEGUN, OPENED, instead_of=FIRST.id)

    left = remainder(journal.run)

    of_cell = {boot.id for boot in left.boots if boot.cell_name == FIRST.cell_name}
    assert len(of_cell) > 1
    assert set(left.set_aside) == of_cell
    assert sum(why.startswith("with its cell: set aside") for why in left.set_aside.values()) == (
        len(of_cell) - 1
    )
