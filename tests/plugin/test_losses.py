"""Guests and nodes that are lost, and what is said of failures."""

from __future__ import annotations

import pytest

from lab.bench import NotMeasuredError
from lab.errors import (
    HostError,
    ProvisionError,
    SandboxError,
    StoreError,
)
from lab.outcome import Outcome
from lab.profile import SMOKE
from lab.run import Run
from tests.plugin.runner import FIRST, IMPORTS, ORDER, WORKS, Runner
from tests.plugin.test_rounds import FLOW, repeating


def test_a_guest_that_the_emulator_lost_is_no_failure_and_the_next_boot_goes_on(
    runner: Runner,
) -> None:
    runner.bench.lost = "the emulator lost the guest: 32464 exits in 1 s, none by an interrupt"
    text = """
from lab.errors import SandboxError

def test_one(sandbox):
    if sandbox.id == "none+devmapper+reference":
        raise SandboxError("the agent does not answer", remedy="none")

def test_two(sandbox): pass
"""

    outcomes = runner.run(text).outcomes

    assert outcomes[:2] == [(FIRST, Outcome.INFRA), (FIRST, Outcome.BLOCKED)]
    assert {outcome for cell, outcome in outcomes if cell != FIRST} == {Outcome.PASS}


@pytest.mark.parametrize(("has_no_share", "then"), [(True, Outcome.BLOCKED), (False, Outcome.PASS)])
def test_a_guest_whose_root_file_system_nobody_serves_is_not_asked_again(
    runner: Runner, *, has_no_share: bool, then: Outcome
) -> None:
    """Each question would wait for its own deadline: a dead virtiofsd took 12 minutes."""
    runner.bench.has_no_share = has_no_share
    text = """
from lab.command import Completed
from lab.errors import CommandError

def test_one(sandbox):
    if sandbox.id == "none+devmapper+reference":
        gone = Completed(("iperf3",), -1, "", "", 60.0)
        raise CommandError("iperf3 was killed in the guest after 60 s", completed=gone)

def test_two(sandbox): pass
"""

    outcomes = runner.run(text).outcomes

    assert outcomes[:2] == [(FIRST, Outcome.FAIL), (FIRST, then)]
    assert {outcome for cell, outcome in outcomes if cell != FIRST} == {Outcome.PASS}


def test_a_node_that_is_lost_is_said_once_and_blocks_the_rest_at_once(runner: Runner) -> None:
    runner.bench.fails["node"] = HostError("unused", remedy="unused")
    broken = """
from lab.errors import SandboxError

def test_it(sandbox):
    raise SandboxError("no answer", remedy="none")
"""

    run = runner.run(broken, test_b=WORKS)

    outcomes = [outcome for _, outcome in run.outcomes]
    assert outcomes == [Outcome.INFRA] + [Outcome.BLOCKED] * 5
    assert run.records[0].reason.startswith("the node no longer answers (no answer")
    assert runner.bench.calls[-2:] == ["abandon", "down"]


def test_a_node_that_is_lost_while_a_sandbox_starts_is_no_cells_fault(runner: Runner) -> None:
    """Found by a story: every cell was BLOCKED, and the status was 1."""
    runner.bench.fails = {
        f"open {FIRST}": NotMeasuredError(Outcome.BLOCKED, "node-1 cannot be reached"),
        "node": ProvisionError("gone", remedy="none"),
    }

    run = runner.run(WORKS)

    assert [outcome for _, outcome in run.outcomes] == [Outcome.INFRA, *[Outcome.BLOCKED] * 2]
    assert run.records[0].reason == "the node no longer answers (node-1 cannot be reached)"


def test_a_node_that_is_lost_is_not_measured_again(runner: Runner) -> None:
    boots = repeating(runner)
    runner.bench.disturbed = {boots[0]}
    runner.bench.fails = {
        f"open {boots[2]}": ProvisionError("gone", remedy="none"),
        "node": ProvisionError("gone", remedy="none"),
    }

    run = runner.run(FLOW)

    assert [call for call in run.bench.calls if call.startswith("open")] == [
        f"open {boot}" for boot in boots[:3]
    ]


def test_the_first_that_fails_in_a_boot_is_diagnosed_and_said(runner: Runner) -> None:
    fails = "def test_fails(sandbox): assert False\n"

    run = runner.run(fails, "-k", "none", test_b=fails)

    assert run.bench.diagnosed == [f"{FIRST} test_a.py::test_fails"]
    (said,) = [text for text in run.screen.told if "diagnosed" in text]
    assert str(run.store.path / "diagnosis" / FIRST) in said


def test_what_passes_or_was_blocked_by_the_bench_is_not_diagnosed(runner: Runner) -> None:
    runner.bench.fails["peer"] = SandboxError("the plugin made no network", remedy="look")

    run = runner.run("def test_to_peer(sandbox, peer): pass\n", test_b=WORKS)

    assert run.bench.diagnosed == [f"{FIRST} test_a.py::test_to_peer"]


def test_a_diagnosis_that_cannot_be_kept_changes_nothing(runner: Runner) -> None:
    runner.bench.fails["diagnose"] = StoreError("no room", remedy="make some")

    run = runner.run("def test_fails(sandbox): assert False\n", "-k", "none")

    assert run.outcomes == [(FIRST, Outcome.FAIL)]
    assert f"nothing was kept of {FIRST}: no room" in run.screen.told


def test_the_journal_has_every_boot_from_its_beginning_to_its_end(runner: Runner) -> None:
    run = runner.run(WORKS, test_b=WORKS)

    journal = [(each.boot, each.event) for each in Run.load(run.store.path).journal]
    assert journal == [(boot, event) for boot in ORDER for event in ("begun", "ended")]


def test_a_node_that_is_lost_behind_what_was_not_run_is_told(runner: Runner) -> None:
    """Found by a story: the run had ended with status 1, and blamed nobody."""
    runner.profile = SMOKE
    ends = "def test_ends(sandbox, restart): restart()\n"
    ninep = [boot for boot in ORDER if "+9p+" in boot]
    runner.bench.fails[f"close {ninep[1]}"] = ProvisionError("the node is gone", remedy="again")

    run = runner.run(WORKS, test_b=ends)

    assert [record.outcome for record in run.of(ninep[1])] == [Outcome.PASS, Outcome.INFRA]


SILENT = """
from lab.errors import SandboxError

def test_it(sandbox):
    raise SandboxError("no answer", remedy="none")
"""


def test_a_node_that_hangs_soon_after_its_guest_is_what_has_failed(runner: Runner) -> None:
    """Seen live: the cell had the FAIL, and no outcome told that the bench was lost."""
    runner.bench.hangs_when_diagnosed = True

    run = runner.run(SILENT, test_b=WORKS)

    outcomes = [outcome for _, outcome in run.outcomes]
    assert outcomes == [Outcome.INFRA] + [Outcome.BLOCKED] * 5
    assert run.records[0].reason.startswith("the node no longer answers (no answer")


def test_a_node_that_is_lost_when_a_blocked_sandbox_ends_is_told(runner: Runner) -> None:
    loses = f"""
def test_it(sandbox, bench):
    bench.fails["node"] = OSError("unused")
    bench.fails["close {FIRST}"] = ProvisionError("cannot be reached", remedy="none")
    raise NotMeasuredError(Outcome.BLOCKED, "the guest no longer answers")
"""
    run = runner.run(IMPORTS + loses)

    assert [outcome for _, outcome in run.outcomes] == [Outcome.INFRA] + [Outcome.BLOCKED] * 2
