"""What becomes of what a scenario, a sandbox or the bench raises."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lab.bench import NotMeasuredError
from lab.errors import (
    ClusterError,
    CommandError,
    HostError,
    ProvisionError,
    SandboxError,
)
from lab.outcome import Outcome
from lab.records import OutcomeRecord
from tests.plugin.runner import FIRST, IMPORTS, ORDER, WORKS, Runner, _read
from tests.runtime.fake_node import completed

FAILURES = {
    "assertion": ("assert 1 + 1 == 3", Outcome.FAIL, "assert (1 + 1) == 3"),
    "pytest's own failure": ("pytest.fail('no way')", Outcome.FAIL, "no way"),
    "missing exception": ("pytest.raises(KeyError, int)", Outcome.FAIL, "DID NOT RAISE"),
    "command": (
        "raise CommandError('ping exited with status 1', completed=FAILED)",
        Outcome.FAIL,
        "ping exited with status 1\nits last words:\n  the guest's last words",
    ),
    "sandbox": (
        "raise SandboxError('QEMU ended', remedy='read')",
        Outcome.FAIL,
        "QEMU ended",
    ),
    "tool": (
        "raise ToolOutputError('fio moved nothing', remedy='run it')",
        Outcome.INVALID,
        "fio moved nothing",
    ),
    "not measured": (
        "raise NotMeasuredError(Outcome.INVALID, 'no macvtap')",
        Outcome.INVALID,
        "no macvtap",
    ),
    "lab": ("raise ProvisionError('node gone', remedy='again')", Outcome.INFRA, "node gone"),
    "bug": ("{}['pid']", Outcome.INFRA, "KeyError: 'pid'"),
    "skip": ("pytest.skip('another day')", Outcome.NOT_RUN, "another day"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_what_a_scenario_raises_is_one_of_the_labs_outcomes(case: str, runner: Runner) -> None:
    line, outcome, reason = FAILURES[case]

    run = runner.run(f"{IMPORTS}def test_it(sandbox): {line}\n", "-k", "none")

    (record,) = run.records
    assert record.outcome is outcome
    assert record.reason.startswith(reason)
    assert record.cell == FIRST
    assert record.elapsed_s > 0
    assert (datetime.now(UTC) - record.started).total_seconds() > record.elapsed_s
    assert run.status == (0 if outcome is Outcome.NOT_RUN else 1)


def test_a_failed_scenario_does_not_touch_the_next(runner: Runner) -> None:
    run = runner.run("def test_fails(sandbox): assert False\n", test_b=WORKS)

    assert [outcome for _, outcome in run.outcomes] == [Outcome.FAIL, Outcome.PASS] * 3


def test_a_fault_of_the_bench_is_told_once_and_blocks_the_rest(runner: Runner) -> None:
    runner.bring_up_fails = HostError("no room for the node", remedy="make room")

    run = runner.run(WORKS, test_b=WORKS)

    outcomes = [outcome for _, outcome in run.outcomes]
    assert outcomes == [Outcome.INFRA] + [Outcome.BLOCKED] * 5
    assert run.records[0].reason == "no room for the node\n  remedy: make room"
    assert run.records[1].reason == f"by the bench: {run.records[0].reason}"


def test_a_cluster_that_does_not_come_up_blocks_every_cell_with_its_reason(runner: Runner) -> None:
    runner.bring_up_fails = ClusterError("etcd ends at once", remedy="read its log")

    run = runner.run(WORKS)

    assert [outcome for _, outcome in run.outcomes] == [Outcome.BLOCKED] * 3
    assert {record.reason for record in run.records} == {
        "etcd ends at once\n  remedy: read its log"
    }


@pytest.mark.parametrize("kind", ["command", "sandbox"])
def test_no_cell_has_failed_because_the_bench_did_not_come_up(kind: str, runner: Runner) -> None:
    """Whatever the error's kind: in a scenario it would be the cell's failure."""
    runner.bring_up_fails = {
        "command": CommandError("mkfs.ext4 exited with status 1", completed=completed(status=1)),
        "sandbox": SandboxError("no network", remedy="look"),
    }[kind]

    run = runner.run(WORKS)

    assert [outcome for _, outcome in run.outcomes] == [
        Outcome.INFRA,
        Outcome.BLOCKED,
        Outcome.BLOCKED,
    ]


def test_a_bug_in_the_bench_blocks_the_rest_too(runner: Runner) -> None:
    runner.bring_up_fails = KeyError("node")

    run = runner.run(WORKS)

    assert run.records[0].reason == "KeyError: 'node'"
    assert [outcome for _, outcome in run.outcomes][1:] == [Outcome.BLOCKED] * 2


def test_a_peer_that_does_not_start_is_nobodys_failure(runner: Runner) -> None:
    runner.bench.fails["peer"] = SandboxError("the plugin made no network", remedy="look")

    run = runner.run("def test_to_peer(sandbox, peer): pass\n", test_b=WORKS)

    assert [outcome for _, outcome in run.outcomes] == [
        Outcome.INFRA,
        Outcome.PASS,
        Outcome.BLOCKED,
        Outcome.PASS,
        Outcome.BLOCKED,
        Outcome.PASS,
    ]


def test_a_cell_that_is_unsupported_is_skipped_with_the_reason(runner: Runner) -> None:
    runner.bench.fails[f"open {FIRST}"] = NotMeasuredError(Outcome.UNSUPPORTED, "no cache-size")

    run = runner.run(WORKS, test_b=WORKS)

    assert [(record.outcome, record.reason) for record in run.of(FIRST)] == [
        (Outcome.UNSUPPORTED, "no cache-size")
    ] * 2
    assert [outcome for boot, outcome in run.outcomes if boot != FIRST] == [Outcome.PASS] * 4
    assert run.status == 0


def test_a_sandbox_that_is_blocked_blocks_its_own_scenarios_with_the_console(
    runner: Runner,
) -> None:
    runner.bench.fails[f"open {FIRST}"] = NotMeasuredError(
        Outcome.BLOCKED, "no answer", console_tail=("Kernel panic", "---[ end ]---")
    )

    run = runner.run(WORKS, test_b=WORKS)

    assert run.status == 1
    assert [(record.outcome, record.console_tail) for record in run.of(FIRST)] == [
        (Outcome.BLOCKED, ("Kernel panic", "---[ end ]---"))
    ] * 2
    assert run.bench.calls.count(f"open {FIRST}") == 1, "a sandbox is not tried again"
    assert [outcome for boot, outcome in run.outcomes if boot != FIRST] == [Outcome.PASS] * 4


def test_a_sandbox_that_does_not_end_well_is_its_last_scenarios_failure(runner: Runner) -> None:
    runner.bench.fails[f"close {FIRST}"] = SandboxError("boot1 left namespace", remedy="look")

    run = runner.run(WORKS, test_b=WORKS)

    assert [(record.outcome, record.reason) for record in run.of(FIRST)] == [
        (Outcome.PASS, ""),
        (Outcome.FAIL, "boot1 left namespace"),
    ]
    assert [outcome for boot, outcome in run.outcomes if boot != FIRST] == [Outcome.PASS] * 4


def test_what_a_scenario_failed_of_is_kept_when_the_end_goes_wrong_too(runner: Runner) -> None:
    runner.bench.fails[f"close {FIRST}"] = ProvisionError("the node is gone", remedy="again")

    run = runner.run("def test_fails(sandbox): assert 0, 'its own'\n", "-k", "none")

    (record,) = run.records
    assert (record.outcome, record.reason.splitlines()[0]) == (Outcome.FAIL, "its own")


def test_a_fixture_that_fails_at_its_end_does_not_keep_the_sandbox_open(runner: Runner) -> None:
    leaves = "@pytest.fixture\ndef thing():\n    yield\n    raise KeyError('undo')\n"

    run = runner.run(leaves + "def test_thing(sandbox, thing): pass\n")

    assert [outcome for _, outcome in run.outcomes] == [Outcome.INFRA] * 3
    assert [call for call in run.bench.calls if call.startswith("close")] == [
        f"close {boot}" for boot in ORDER
    ]


def test_an_interruption_keeps_what_was_recorded_and_takes_everything_down(
    runner: Runner,
) -> None:
    stops = f"def test_stops(sandbox):\n    if sandbox.id != {FIRST!r}: raise KeyboardInterrupt\n"

    with pytest.raises(KeyboardInterrupt):
        runner.run(stops)

    records = _read(runner.store, "outcomes.jsonl", OutcomeRecord)
    assert [(record.boot, record.outcome) for record in records] == [(FIRST, Outcome.PASS)]
    assert runner.bench.calls[-2:] == [f"close {ORDER[1]}", "down"]
