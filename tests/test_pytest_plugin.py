"""What becomes of scenarios: a run of pytest inside this one, on a bench that only plays."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

import msgspec
import pytest

import lab
from lab import looks, pytest_plugin
from lab.bench import NotMeasuredError
from lab.errors import (
    ClusterError,
    CommandError,
    HostError,
    ProvisionError,
    SandboxError,
    StoreError,
)
from lab.matrix import Cell
from lab.outcome import Evidence, Fact, Outcome
from lab.pause import TOUCHED, Pauses
from lab.plan import Boot, Design, Plan, make
from lab.profile import SMOKE, STANDARD, Profile
from lab.pytest_plugin import Handover
from lab.records import OutcomeRecord, RunHeader
from lab.run import Run
from lab.sample import Sample
from lab.session import Session
from lab.stopwatch import Stopwatch
from lab.store import Store
from tests.fake_run import CREATED
from tests.fakes import Clock
from tests.runtime.fake_node import completed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from lab.launch import Decided
    from lab.lease import Lease

pytest_plugins = "pytester"

Record = TypeVar("Record", OutcomeRecord, Sample)

ORDER = ["none+devmapper+reference", "macvtap+9p+reference", "tcfilter+9p+reference"]
"""Of the plan; that of the matrix is the other way round."""
FIRST = ORDER[0]
PLAN = Plan(
    profile="smoke",
    rounds=1,
    seed=5,
    cell_names=tuple(reversed(ORDER)),
    order=tuple(
        Boot(id=name, cell_name=name, round=1, position=position)
        for position, name in enumerate(ORDER, start=1)
    ),
)
WORKS = "def test_works(sandbox): pass\n"
PROOF = Fact(subject="kind", source="ip link", expected="tun", observed="tun", holds=True)


@dataclass
class FakeBench:
    """Opens what it is asked to, or fails as the test has laid down."""

    store: Store
    calls: list[str] = field(default_factory=list)
    doubtful: set[str] = field(default_factory=set)
    """Cells that are known not to work."""
    fails: dict[str, Exception] = field(default_factory=dict)
    """By call, e.g. ``open tcfilter+9p+reference`` or ``close``."""
    disturbed: set[str] = field(default_factory=set)
    """Boots beside which somebody else is at work."""
    is_open: str | None = None
    setting: Any = field(
        default_factory=lambda: SimpleNamespace(
            node="the node", nodes=(SimpleNamespace(name="node-1"),)
        )
    )

    def _called(self, what: str) -> None:
        self.calls.append(what)
        if what in self.fails:
            raise self.fails[what]

    def open(self, boot: Boot) -> SimpleNamespace:
        assert self.is_open is None
        self.is_open = boot.id
        self._called(f"open {boot.id}")
        self.store.add_evidence(boot.id, Evidence(phase="before", facts=(PROOF,), raw={}))
        return SimpleNamespace(cell=boot.cell, id=boot.id)

    def restart(self) -> None:
        self._called(f"restart {self.is_open}")

    lost: str = ""
    """What the bench says of a guest that no longer answers, if it is the emulator's fault."""

    def lost_guest(self) -> str:
        return self.lost

    has_no_share: bool = False
    """Whether nobody serves the root file system of the open sandbox any more."""

    def has_lost_its_share(self) -> bool:
        return self.has_no_share

    def may_work(self, cell: Cell) -> bool:
        return str(cell) not in self.doubtful

    diagnosed: list[str] = field(default_factory=list)
    """What was asked to be diagnosed: the boot, and what has failed in it."""

    def diagnose(self, boot: Boot, *, scenario: str, since_s: float) -> Path:
        assert since_s >= 0
        self.diagnosed.append(f"{boot.id} {scenario}")
        if "diagnose" in self.fails:
            raise self.fails["diagnose"]
        return self.store.path / "diagnosis" / boot.id

    def is_alive(self) -> bool:
        return "node" not in self.fails

    def abandon(self) -> None:
        self.is_open = None
        self._called("abandon")

    def close(self, *, is_lost: bool = False) -> None:
        if self.is_open is not None:
            boot, self.is_open = self.is_open, None
            self._called(f"close {boot}{' lost' if is_lost else ''}")

    @property
    def peer(self) -> str:
        self._called("peer")
        return "the peer"

    @contextmanager
    def lent(self) -> Iterator[None]:
        self.calls.append(f"lend {self.is_open}")
        yield
        self.calls.append(f"have {self.is_open} back")

    def noise(self) -> str:
        return "noise"

    def noise_since(self, before: str) -> dict[str, float | None]:
        assert before == "noise"
        if self.is_open in self.disturbed:
            return {"host_foreign_cpu": 1.0}
        return {"host_stolen": 0.0, "node_stolen": None}


@dataclass
class FakeScreen:
    """Remembers what it was told."""

    told: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.told.append(text)

    @contextmanager
    def aside(self) -> Iterator[None]:
        self.told.append("stood aside")
        yield

    def begin(self, boot: Boot) -> None:
        self.told.append(f"begin {boot.id}")

    def phase(self, text: str) -> None:
        self.told.append(text)

    def is_up(self, text: str) -> None:
        self.told.append(f"up: {text}")

    def end(self, boot: Boot, counts: Mapping[Outcome, int]) -> None:
        summary = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        self.told.append(f"end {boot.id}: {summary}")


@dataclass
class Finished:
    """A run that is over."""

    status: int
    records: list[OutcomeRecord]
    samples: list[Sample]
    bench: FakeBench
    screen: FakeScreen
    store: Store
    timeline: Any

    @property
    def outcomes(self) -> list[tuple[str, Outcome]]:
        """The boot and outcome of each scenario, in order."""
        return [(record.boot, record.outcome) for record in self.records]

    def of(self, boot: str) -> list[OutcomeRecord]:
        return [record for record in self.records if record.boot == boot]


class Runner:
    """Runs scenarios on a fake bench."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self._pytester = pytester
        self.profile: Profile = STANDARD
        self.plan_anew(PLAN)
        self.bring_up_fails: Exception | None = None
        self.is_cluster = False
        self.has_leaks = False
        self.pauses: Pauses | None = None
        self.doing: list[str] = []
        fake = SimpleNamespace(running=self._running, finish=self._finish, leased=self._leased)
        monkeypatch.setitem(sys.modules, "lab.launch", cast("Any", fake))
        monkeypatch.setattr(lab, "launch", fake, raising=False)

    def plan_anew(self, plan: Plan) -> None:
        self.plan = plan
        header = RunHeader(created=CREATED, command_line=("lab",), topology="embedded", plan=plan)
        self.store = Store.create(self._pytester.path / "results", header)
        self.bench = FakeBench(self.store)

    def decided(self) -> SimpleNamespace:
        return SimpleNamespace(
            plan=self.plan,
            profile=self.profile,
            topology=SimpleNamespace(is_cluster=self.is_cluster),
        )

    @contextmanager
    def _leased(self, _decided: Decided, doing: str, **how: Any) -> Iterator[str]:  # noqa: ANN401
        assert doing == f"measuring into {self.store.path}"
        assert how["is_alone"]
        how["say"]("waiting for this machine")
        self.bench.calls.append("leased")
        yield "the lease"
        self.bench.calls.append("lease given back")

    @contextmanager
    def _running(
        self, _decided: Decided, store: Store, *, say: Callable[[str], None], stopwatch: Stopwatch
    ) -> Iterator[FakeBench]:
        assert store is self.store
        assert stopwatch.timeline.measuring_s == 0
        say("starting node-1")
        if self.bring_up_fails is not None:
            raise self.bring_up_fails
        self.bench.calls.append("up")
        try:
            yield self.bench
        finally:
            self.bench.close()
            self.bench.calls.append("down")

    def _finish(
        self, _store: Store, _stopwatch: Stopwatch, *, is_complete: bool
    ) -> SimpleNamespace:
        self.bench.calls.append(f"finish {is_complete}")
        return SimpleNamespace(has_leaks=self.has_leaks)

    def run(self, scenario: str, *arguments: str, **files: str) -> Finished:
        """Run the text of one scenario file, and of others by name, as `lab matrix` would."""
        for name, text in {"test_a": scenario, **files}.items():
            path = self._pytester.path / "scenarios" / f"{name}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"import pytest\n{text}", encoding="utf-8")
        screen = FakeScreen()
        session = Session(
            decided=cast("Decided", self.decided()),
            store=self.store,
            stopwatch=Stopwatch(),
            lease=cast("Lease", SimpleNamespace(tell=self.doing.append)),
            screen=screen,
            pauses=self.pauses,
        )
        status = self._pytester.inline_run(
            "scenarios",
            "-p",
            "no:cacheprovider",
            *arguments,
            plugins=[pytest_plugin, Handover(session)],
        ).ret
        assert status is not None
        return Finished(
            status=int(status),
            records=_read(self.store, "outcomes.jsonl", OutcomeRecord),
            samples=_read(self.store, "samples.jsonl", Sample),
            bench=self.bench,
            screen=screen,
            store=self.store,
            timeline=session.stopwatch.timeline,
        )


def _read(store: Store, name: str, kind: type[Record]) -> list[Record]:
    path = store.path / name
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [msgspec.json.decode(line, type=kind) for line in lines]


@pytest.fixture
def runner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Runner:
    return Runner(pytester, monkeypatch)


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


FAILS = "def test_fails(sandbox): assert sandbox.id != 'tcfilter+9p+reference', 'no answer'\n"


@pytest.fixture
def asked(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a run that stands still has said and asked; each time it stands for an hour."""
    said: list[str] = []
    clock = Clock()
    monkeypatch.setattr("lab.session.time", clock)

    def ask(prompt: str) -> str:
        said.append(prompt)
        said.append(f"sandbox: {runner.bench.is_open}")
        clock.now += 3600
        return ""

    runner.pauses = Pauses(said.append, ask)
    return said


def test_a_run_stands_still_after_a_failure_while_the_sandbox_is_there(
    runner: Runner, asked: list[str]
) -> None:
    run = runner.run(FAILS, test_b=WORKS)

    boot = ORDER[2]
    assert asked[1] == f"The run stands still: {boot}"
    assert asked[2] == "  test_a.py::test_fails is FAIL:"
    assert "no answer" in asked[3]
    assert asked[-6:] == [
        "to look, in another terminal:",
        f"  lab shell {boot}",
        "  lab shell node-1",
        "  lab logs node-1",
        "Enter goes on, Ctrl-C ends the run: ",
        f"sandbox: {boot}",
    ]
    assert run.bench.calls[-5:] == [
        f"open {boot}", f"lend {boot}", f"have {boot} back", f"close {boot}", "down",
    ]  # fmt: skip
    assert runner.doing == [
        f"standing still after {boot}, for somebody to look",
        f"measuring into {run.store.path.absolute()}",
    ]
    failed = next(record for record in run.records if record.outcome is Outcome.FAIL)
    assert failed.reason.endswith(f"({TOUCHED})")
    assert failed.elapsed_s < 3600
    assert run.screen.told.count("stood aside") == 1


def test_a_sandbox_that_does_not_start_is_asked_about_once(
    runner: Runner, asked: list[str]
) -> None:
    reason = NotMeasuredError(Outcome.BLOCKED, "it does not start")
    runner.bench.fails[f"open {FIRST}"] = reason

    runner.run(WORKS, test_b=WORKS)

    assert asked.count("Enter goes on, Ctrl-C ends the run: ") == 1


def test_what_is_no_failure_stops_nothing(runner: Runner, asked: list[str]) -> None:
    runner.bench.fails[f"open {FIRST}"] = NotMeasuredError(Outcome.UNSUPPORTED, "no cache-size")

    runner.run(WORKS + "def test_skips(sandbox): pytest.skip('not here')\n")

    assert asked == []


def test_ctrl_c_while_it_stands_still_ends_the_run(runner: Runner, asked: list[str]) -> None:
    def ask(_prompt: str) -> str:
        raise KeyboardInterrupt

    runner.pauses = Pauses(asked.append, ask)

    with pytest.raises(KeyboardInterrupt):  # pytester hands it on
        runner.run(FAILS + WORKS)

    assert runner.bench.calls[-1] == "down"


def test_a_terminal_that_is_gone_lets_it_go_on(runner: Runner, asked: list[str]) -> None:
    def ask(_prompt: str) -> str:
        raise EOFError

    runner.pauses = Pauses(asked.append, ask)

    assert runner.run(FAILS).status == 1
    assert asked[-1] == "nobody is there any more: it goes on"


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


IMPORTS = """\
from lab.command import Completed
from lab.errors import *
from lab.bench import NotMeasuredError
from lab.outcome import Outcome
FAILED = Completed(("ping",), 1, "", "the guest's last words", 0.1)
"""
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


MEASURES = """\
from lab.sample import Better, Metric
from lab.units import Unit
READ = Metric("read", Unit.BYTE_PER_SECOND, Better.HIGHER, "Read")
WRITE = Metric("write", Unit.BYTE_PER_SECOND, Better.HIGHER, "Write")
def test_disk(sandbox, measure):
    with measure.watching():
        pass
    measure(READ, 5.0, raw='{"fio": 1}')
    measure(WRITE, 3.0, raw='{"fio": 1}')
    measure(READ, 7.0, raw="words")
    measure(WRITE, 1.0)
"""


def test_a_sample_says_where_it_is_from_and_what_disturbed_it(runner: Runner) -> None:
    run = runner.run(MEASURES, "-k", "none")

    sample = run.samples[0]
    assert (sample.metric.name, sample.value) == ("read", 5.0)
    assert (sample.cell, sample.boot, sample.round, sample.position) == (FIRST, FIRST, 1, 1)
    assert sample.scenario == "test_a.py::test_disk"
    assert sample.elapsed_s > 0
    assert sample.noise == {"host_stolen": 0.0, "node_stolen": None}
    assert sample.started.endswith("+00:00")


def test_a_tools_report_is_kept_once_for_all_that_was_read_from_it(runner: Runner) -> None:
    run = runner.run(MEASURES, "-k", "none")

    assert [sample.raw for sample in run.samples] == [
        f"raw/{FIRST}/read.json",
        f"raw/{FIRST}/read.json",
        f"raw/{FIRST}/read.txt",
        None,
    ]
    assert (run.store.path / "raw" / FIRST / "read.json").read_text() == '{"fio": 1}'


def test_the_screen_is_told_boot_by_boot(runner: Runner) -> None:
    run = runner.run("def test_tcp_in(sandbox): pass\ndef test_loss(sandbox): assert 0\n")

    assert run.screen.told[:7] == [
        f"begin {FIRST}",
        "the bench comes up",
        "starting node-1",
        "up: tcp in",
        "loss",
        (
            f"{FIRST} is diagnosed in {run.store.path / 'diagnosis' / FIRST};"
            " look further: `lab shell node-1` with --keep failed"
        ),
        f"end {FIRST}: 1 PASS, 1 FAIL",
    ]
    assert [line for line in run.screen.told if line.startswith("begin")] == [
        f"begin {boot}" for boot in ORDER
    ]


def test_a_scenarios_own_work_counts_as_measuring_and_its_boot_does_not(runner: Runner) -> None:
    run = runner.run("import time\ndef test_slow(sandbox): time.sleep(0.02)\n", "-k", "none")

    assert 0.02 <= run.timeline.measuring_s < run.timeline.total_s


def test_fixtures_hand_out_the_peer_the_node_and_the_profile(runner: Runner) -> None:
    run = runner.run(
        "def test_all(sandbox, peer, node, profile):\n"
        "    assert (peer, node, profile.name) == ('the peer', 'the node', 'standard')\n"
    )

    assert {outcome for _, outcome in run.outcomes} == {Outcome.PASS}


def test_a_wrong_option_is_a_usage_error_before_anything_is_collected(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    done = pytester.inline_run("--profile=smoky", plugins=[pytest_plugin])

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert capsys.readouterr().err == (
        "ERROR: --profile: unknown value 'smoky'\n"
        "  remedy: did you mean 'smoke'? known: smoke, standard, publish\n\n"
    )


def test_what_cannot_be_decided_is_told_without_a_traceback_and_nothing_runs(
    runner: Runner,
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def decide(*_: object, **__: object) -> None:
        raise HostError("no room for the node", remedy="make room")

    monkeypatch.setattr(sys.modules["lab.launch"], "decide", decide, raising=False)
    pytester.makepyfile(WORKS)

    done = pytester.inline_run(plugins=[pytest_plugin])

    assert done.ret == pytest.ExitCode.INTERRUPTED
    shown = capsys.readouterr().out
    assert "no room for the node\n  remedy: make room\n" in shown
    assert "Traceback" not in shown
    assert "pytest_plugin.py" not in shown
    assert runner.bench.calls == []


@pytest.mark.parametrize(("has_leaks", "status"), [(False, 0), (True, 3)])
def test_plain_pytest_decides_by_itself_and_writes_the_report(
    runner: Runner,
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    has_leaks: bool,
    status: int,
) -> None:
    runner.has_leaks = has_leaks
    decided = runner.decided()
    launch = sys.modules["lab.launch"]
    wishes = []

    def decide(wish: object, *, say: object, stopwatch: object) -> SimpleNamespace:
        assert say
        assert stopwatch
        wishes.append(wish)
        return decided

    monkeypatch.setattr(launch, "decide", decide, raising=False)
    monkeypatch.setattr(launch, "open_store", lambda _: runner.store, raising=False)
    written: list[Path] = []
    monkeypatch.setattr("lab.report.write", written.append)
    pytester.makepyfile(WORKS)

    done = pytester.inline_run("--cells=*+9p+*", plugins=[pytest_plugin])

    assert done.ret == status
    assert len(wishes) == 1
    assert getattr(wishes[0], "cells", None) == "*+9p+*"
    assert runner.bench.calls[:2] == ["leased", "up"]
    assert runner.bench.calls[-3:] == ["down", "lease given back", "finish True"]
    assert "waiting for this machine" in capsys.readouterr().out
    assert written == [runner.store.path]


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


def adaptive(runner: Runner, *, least: int, most: int) -> None:
    """Let the run have at least and at most so many rounds of two cells."""
    design = Design(min_rounds=least, max_rounds=most, precision=0.05)
    cells = [Cell.parse(name) for name in ORDER[:2]]
    runner.plan_anew(make(cells, profile="publish", rounds=most, seed=1, design=design))


def test_rounds_that_are_not_needed_are_left_out_and_the_run_is_complete(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    widths = iter([{"a / b: m": 0.06}, {"a / b: m": 0.04}])
    monkeypatch.setattr(looks, "half_widths", lambda _run: next(widths))
    adaptive(runner, least=2, most=6)

    run = runner.run(WORKS)

    assert run.status == 0
    assert [record.round for record in run.records] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert {outcome for _, outcome in run.outcomes} == {Outcome.PASS}
    assert run.bench.calls[-1] == "down"
    assert [call for call in run.bench.calls if call.startswith("close")] == [
        f"close {record.boot}" for record in run.records
    ]
    assert "no more rounds after 4: precise" in run.screen.told
    assert (Run.load(run.store.path).rounds, len(Run.load(run.store.path).looks)) == (4, 2)


def test_a_run_whose_rounds_are_fixed_is_not_looked_at(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "half_widths", lambda _run: pytest.fail("it looked"))
    adaptive(runner, least=3, most=3)

    run = runner.run(WORKS)

    assert [record.round for record in run.records] == [1, 1, 2, 2, 3, 3]
    assert Run.load(run.store.path).looks == ()


def test_a_look_that_cannot_be_kept_ends_the_run_in_order(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> NoReturn:
        raise StoreError("the disk is full", remedy="make room")

    monkeypatch.setattr(looks, "half_widths", lambda _run: {})
    monkeypatch.setattr(Store, "add_look", full)
    adaptive(runner, least=2, most=6)

    run = runner.run(WORKS)

    assert run.status == pytest.ExitCode.INTERRUPTED
    assert [record.round for record in run.records] == [1, 1, 2, 2]
    assert any("the disk is full" in line for line in run.screen.told)


FLOW = """\
from lab.sample import Better, Metric
from lab.units import Unit
FLOW = Metric("tcp_out_goodput", Unit.BIT_PER_SECOND, Better.HIGHER, "TCP")
def test_flow(sandbox, measure):
    with measure.watching():
        pass
    measure(FLOW, 5.0)
"""


def repeating(runner: Runner, *, rounds: int = 2, profile: str = "standard") -> list[str]:
    """Let the run have so many rounds of three cells; return its boots, in order."""
    design = Design(primary=("tcp_out_goodput",), min_rounds=rounds, max_rounds=rounds, rules=1)
    cells = [Cell.parse(name) for name in ORDER]
    runner.plan_anew(make(cells, profile=profile, rounds=rounds, seed=1, design=design))
    return [boot.id for boot in runner.plan.order]


def in_order(run: Finished) -> list[str]:
    """The boots that were opened."""
    opened = [call for call in run.bench.calls if call.startswith("open ")]
    closed = [call.removeprefix("close ") for call in run.bench.calls if "close" in call]
    assert [call.removesuffix(" lost") for call in closed] == [
        call.removeprefix("open ") for call in opened
    ], "each is closed before the next"
    return [call.removeprefix("open ") for call in opened]


def test_a_contaminated_boot_is_measured_again_at_the_end_of_its_round(runner: Runner) -> None:
    boots = repeating(runner)
    runner.bench.disturbed = {boots[0]}

    run = runner.run(WORKS, test_b=FLOW, test_c=WORKS)

    again = f"{boots[0]}-a2"
    assert in_order(run) == [*boots[:3], again, *boots[3:]]
    assert [record.scenario for record in run.of(again)] == ["test_b.py::test_flow"]
    assert run.of(again)[0].attempt == 2
    assert {outcome for _, outcome in run.outcomes} == {Outcome.PASS}
    assert run.bench.calls.count("up") == 1
    assert f"disturbed, and measured again: {again}" in run.screen.told
    assert f"begin {again}" in run.screen.told
    assert f"end {again}: 1 PASS" in run.screen.told


def test_it_does_not_matter_in_which_file_a_round_ends_and_begins(runner: Runner) -> None:
    boots = repeating(runner)
    runner.bench.disturbed = {boots[0]}
    ends = "def test_ends(sandbox, restart): pass\n"

    run = runner.run(WORKS + ends, test_b=FLOW)

    assert in_order(run) == [*boots[:3], f"{boots[0]}-a2", *boots[3:]]
    assert {outcome for _, outcome in run.outcomes} == {Outcome.PASS}


def test_samples_of_all_attempts_are_kept_and_the_clean_one_is_used(runner: Runner) -> None:
    boots = repeating(runner)
    runner.bench.disturbed = {boots[1]}

    loaded = Run.load(runner.run(FLOW).store.path)

    assert [(sample.boot, sample.attempt) for sample in loaded.samples if sample.attempt > 1] == [
        (f"{boots[1]}-a2", 2)
    ]
    assert len(loaded.samples) == len(boots) + 1
    assert {sample.boot for sample in loaded.used_samples} == {
        f"{boots[1]}-a2", *boots[:1], *boots[2:]
    }  # fmt: skip
    assert [boot.id for boot in loaded.order] == [*boots[:3], f"{boots[1]}-a2", *boots[3:]]
    assert loaded.degradation == ""
    assert loaded.warnings == ()


def test_the_last_round_has_its_repeats_too_on_the_same_bench(runner: Runner) -> None:
    boots = repeating(runner)
    runner.bench.disturbed = {boots[-1]}

    run = runner.run(WORKS, test_b=FLOW)

    assert in_order(run) == [*boots, f"{boots[-1]}-a2"]
    assert [call for call in run.bench.calls if call in {"up", "down"}] == ["up", "down"]
    assert run.status == 0


def test_what_stays_contaminated_is_not_measured_for_ever_and_degrades_the_run(
    runner: Runner,
) -> None:
    boots = repeating(runner, rounds=4)
    runner.bench.disturbed = {boots[0], f"{boots[0]}-a2", f"{boots[0]}-a3"}

    run = runner.run(FLOW)

    again = [f"{boots[0]}-a2", f"{boots[0]}-a3"]
    assert in_order(run) == [*boots[:3], *again, *boots[3:]]
    assert Run.load(run.store.path).degradation == (
        "Degraded: 1 of 12 boots stay contaminated, and were not measured again, or not often"
        f" enough to help: {boots[0]}."
    )


def test_no_more_than_a_fifth_is_measured_again(runner: Runner) -> None:
    boots = repeating(runner)
    runner.bench.disturbed = set(boots)

    run = runner.run(FLOW)

    assert in_order(run) == [*boots[:3], f"{boots[0]}-a2", *boots[3:]]
    assert "5 of 6 boots" in Run.load(run.store.path).degradation


def test_smoke_measures_nothing_again(runner: Runner) -> None:
    boots = repeating(runner, rounds=1, profile="smoke")
    runner.bench.disturbed = set(boots)

    run = runner.run(FLOW)

    assert in_order(run) == boots
    assert Run.load(run.store.path).degradation == ""


def test_a_boot_that_the_bench_lost_is_made_again_whole_and_takes_its_place(runner: Runner) -> None:
    boots = repeating(runner, rounds=1, profile="smoke")
    runner.bench.lost = "the emulator lost the guest: 32464 exits in 1 s, none by an interrupt"
    loses = f"""
from lab.errors import SandboxError

def test_one(sandbox, boot):
    if boot.id == {boots[1]!r}:
        raise SandboxError("the agent does not answer", remedy="none")
"""

    run = runner.run(loses, test_b=WORKS, test_c=FLOW)

    again = f"{boots[1]}-a2"
    assert in_order(run) == [*boots, again]
    assert f"lost by the bench, and made again: {again}" in run.screen.told
    read = Run.load(run.store.path)
    assert run.of(boots[1])[0].outcome is Outcome.INFRA, "it is on record"
    assert {record.boot for record in read.outcomes} == {boots[0], boots[2], again}
    assert {record.outcome for record in read.outcomes} == {Outcome.PASS}
    assert len([record for record in read.outcomes if record.boot == again]) == 3
    assert read.warnings == (f"The bench lost {boots[1]}; {again} was made in its place.",)


def test_repeats_come_before_the_look_at_the_precision(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def widths(run: Run) -> dict[str, float]:
        seen.append(len(run.samples))
        return {"a / b: m": 0.01}

    monkeypatch.setattr(looks, "half_widths", widths)
    design = Design(primary=("tcp_out_goodput",), min_rounds=2, max_rounds=6, rules=1)
    cells = [Cell.parse(name) for name in ORDER]
    runner.plan_anew(make(cells, profile="publish", rounds=6, seed=1, design=design))
    boots = [boot.id for boot in runner.plan.order]
    runner.bench.disturbed = {boots[4]}

    run = runner.run(WORKS, test_b=FLOW)

    assert in_order(run) == [*boots[:6], f"{boots[4]}-a2"]
    assert seen == [7]
    assert run.status == 0


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
