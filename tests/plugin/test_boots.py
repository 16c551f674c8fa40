"""Which scenarios run in which boot, and in which order."""

from __future__ import annotations

import pytest

from lab import pytest_plugin
from lab.outcome import Outcome
from lab.plan import make
from lab.profile import SMOKE
from tests.plugin.runner import FIRST, ORDER, PLAN, WORKS, Runner


def test_every_scenario_runs_once_for_each_boot_in_the_order_of_the_plan(runner: Runner) -> None:
    two = "def test_one(sandbox): pass\ndef test_two(sandbox): pass\n"

    run = runner.run(two, test_b=WORKS)

    assert run.status == 0
    assert [record.boot for record in run.records] == [boot for boot in ORDER for _ in range(3)]
    assert [record.scenario for record in run.of(FIRST)] == [
        "test_a.py::test_one",
        "test_a.py::test_two",
        "test_b.py::test_works",
    ]
    assert {outcome for _, outcome in run.outcomes} == {Outcome.PASS}


def test_each_boot_is_opened_once_and_closed_before_the_next(runner: Runner) -> None:
    run = runner.run(WORKS, test_b=WORKS)

    calls = [call for boot in ORDER for call in (f"open {boot}", f"close {boot}")]
    assert run.bench.calls == ["up", *calls, "down"]


def test_the_cells_name_is_the_scenarios_id(runner: Runner) -> None:
    run = runner.run(
        "def test_id(sandbox, request): assert request.node.callspec.id == sandbox.id\n"
    )

    assert run.outcomes == [(boot, Outcome.PASS) for boot in ORDER]


def test_rounds_are_boots_of_their_own(runner: Runner) -> None:
    runner.plan = make(PLAN.cells[:2], profile="standard", rounds=2, seed=1)

    run = runner.run(WORKS)

    assert [(record.boot, record.round) for record in run.records] == [
        (boot.id, boot.round) for boot in runner.plan.order
    ]
    assert sorted(record.round for record in run.records) == [1, 1, 2, 2]


def test_what_ends_the_sandbox_comes_last_of_its_boot(runner: Runner) -> None:
    ends = "def test_ends(sandbox, restart): restart()\n"

    run = runner.run(ends + WORKS, test_b=WORKS)

    assert [record.scenario.partition("::")[2] for record in run.of(FIRST)] == [
        "test_works",
        "test_works",
        "test_ends",
    ]
    assert run.bench.calls[:4] == ["up", f"open {FIRST}", f"restart {FIRST}", f"close {FIRST}"]


@pytest.mark.parametrize("is_cluster", [True, False])
def test_scenarios_of_clusters_are_none_elsewhere(
    runner: Runner, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, *, is_cluster: bool
) -> None:
    folder = pytester.path / "scenarios" / "cluster"
    folder.mkdir(parents=True)
    (folder / "test_pods.py").write_text(WORKS)
    monkeypatch.setattr(pytest_plugin, "CLUSTER", folder)
    runner.is_cluster = is_cluster

    run = runner.run(WORKS)

    scenarios = {record.scenario for record in run.records}
    assert ("cluster/test_pods.py::test_works" in scenarios) is is_cluster
    assert "test_a.py::test_works" in scenarios


def test_what_a_container_restart_ends_comes_last_too(runner: Runner) -> None:
    ends = (
        "@pytest.fixture\ndef container_restart(): pass\n"
        "def test_ends(sandbox, container_restart): pass\n"
    )

    run = runner.run(ends + WORKS)

    assert [record.scenario.partition("::")[2] for record in run.of(FIRST)] == [
        "test_works",
        "test_ends",
    ]


def test_what_breaks_the_sandbox_comes_after_all_that_ends_it(runner: Runner) -> None:
    breaks = (
        "@pytest.fixture\ndef doomed(): pass\ndef test_breaks(sandbox, doomed): pass\n"
        "def test_restarts(sandbox, restart): pass\n"
    )

    run = runner.run(breaks + WORKS)

    assert [record.scenario.partition("::")[2] for record in run.of(FIRST)] == [
        "test_works",
        "test_restarts",
        "test_breaks",
    ]


def test_a_scenario_is_asked_only_where_it_has_a_meaning(runner: Runner) -> None:
    narrow = "@pytest.mark.storages('9p')\ndef test_narrow(sandbox): pass\n"

    run = runner.run(narrow + WORKS)

    asked = {record.boot for record in run.records if record.scenario.endswith("test_narrow")}
    assert asked == {boot for boot in ORDER if "+9p+" in boot}
    assert len(run.records) == len(ORDER) + len(asked)
    assert {outcome for _, outcome in run.outcomes} == {Outcome.PASS}


def test_no_pod_is_started_again_on_its_root_file_system(runner: Runner) -> None:
    runner.is_cluster = True

    run = runner.run("def test_ends(sandbox, restart): restart()\n")

    assert {record.outcome for record in run.records} == {Outcome.UNSUPPORTED}
    assert "on a new root file system" in run.records[0].reason
    assert not [call for call in run.bench.calls if call.startswith("restart")]


def test_smoke_restarts_only_the_first_of_each_storage_and_says_so(runner: Runner) -> None:
    runner.profile = SMOKE

    run = runner.run("def test_ends(sandbox, restart): restart()\n")

    ninep = [boot for boot in ORDER if "+9p+" in boot]
    assert [call for call in run.bench.calls if call.startswith("restart")] == [
        f"restart {boot}" for boot in ORDER if boot in {FIRST, ninep[0]}
    ]
    (left_out,) = run.of(ninep[1])
    assert left_out.outcome is Outcome.NOT_RUN
    assert left_out.reason.endswith(f"here that is {ninep[0]}")
    assert run.status == 0


def test_smoke_leaves_the_restart_to_a_cell_that_may_work(runner: Runner) -> None:
    runner.profile = SMOKE
    ninep = [boot for boot in ORDER if "+9p+" in boot]
    runner.bench.doubtful = {ninep[0]}

    run = runner.run("def test_ends(sandbox, restart): restart()\n")

    assert f"restart {ninep[1]}" in run.bench.calls
    assert f"restart {ninep[0]}" not in run.bench.calls


def test_smoke_asks_nothing_at_all_of_the_others_of_a_storage(runner: Runner) -> None:
    runner.profile = SMOKE
    asking = """
import pytest

pytestmark = pytest.mark.usefixtures("once_a_storage")

@pytest.fixture(scope="session")
def answers(bench, boot):
    bench.calls.append(f"ask {boot.id}")

def test_one(sandbox, answers): pass
def test_two(sandbox, answers): pass
"""

    run = runner.run(asking)

    ninep = [boot for boot in ORDER if "+9p+" in boot]
    asked = [call for call in run.bench.calls if call.startswith("ask")]
    assert asked == [f"ask {boot}" for boot in ORDER if boot in {FIRST, ninep[0]}]
    assert [record.outcome for record in run.of(ninep[1])] == [Outcome.NOT_RUN] * 2


def test_k_selects_by_cell(runner: Runner) -> None:
    run = runner.run(WORKS, "-k", "macvtap")

    assert run.outcomes == [("macvtap+9p+reference", Outcome.PASS)]
    assert run.bench.calls[1:3] == ["open macvtap+9p+reference", "close macvtap+9p+reference"]


def test_nothing_is_brought_up_for_what_takes_no_sandbox(runner: Runner) -> None:
    run = runner.run("def test_pure(): pass\n")

    assert (run.status, run.bench.calls, run.records) == (0, [], [])


def test_somebody_elses_fixture_of_the_same_name_starts_nothing(runner: Runner) -> None:
    run = runner.run("@pytest.fixture\ndef sandbox(): return 1\n" + WORKS)

    assert (run.status, run.bench.calls, run.records) == (0, [], [])
