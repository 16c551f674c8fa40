"""`lab conformance` on a node that only plays: what is tested, filed and told."""

from __future__ import annotations

import io
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from rich.console import Console

from lab import launch
from lab.cluster import critest
from lab.cluster.artefacts.loaded import load_artefacts
from lab.cluster.kit import Kit
from lab.conformance import run_conformance
from lab.errors import ArtefactError, CommandError, UsageError
from lab.matrix import CONTROLS, KATA, select
from lab.options import OPTIONS, Wishes
from lab.plan import make
from lab.records import RunHeader, RunStatus
from lab.run import Run
from lab.store import Store
from tests.cluster import built
from tests.cluster.test_critest_report import DRY_RUN, NO_RUNTIME
from tests.fake_run import CREATED
from tests.runtime.fake_node import FakeNode, completed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.command import Completed
    from lab.launch import Decided
    from lab.stopwatch import Stopwatch

WISHES = Wishes.read({option.name: option.default for option in OPTIONS}.get)
KATA_GO = "tcfilter+virtiofs+kata-go"
HANDLER = "tcfilter-virtiofs-kata-go"
REPORT = f"cat {critest.FOLDER}/"


@dataclass
class FakeDecided:
    """What `launch.decide` would have settled."""

    plan: Any
    kit: Kit | None
    topology: Any = field(default_factory=lambda: SimpleNamespace(is_cluster=False, name="x"))


class Lab:
    """The lab around it: decides, and brings up a node that plays critest's part."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        lock = built.fill(tmp_path / "built", more={"bin/critest": b"#!/bin/sh\n"})
        self.kit: Kit | None = Kit.of(load_artefacts(lock, tmp_path / "built"))
        self.node = FakeNode(tmp_path)
        self.node.reply(REPORT, DRY_RUN)
        self.root = tmp_path / "results"
        self.is_cluster = False
        self.is_up = False
        for name in ("decide", "open_store", "leased", "running", "finish"):
            monkeypatch.setattr(launch, name, getattr(self, name))

    def decide(self, wishes: Wishes, **_: object) -> FakeDecided:
        cells = select(wishes.cells, runtimes=(*CONTROLS, *KATA))
        plan = make(cells, profile="smoke", rounds=3, seed=5)
        decided = FakeDecided(plan, self.kit)
        decided.topology.is_cluster = self.is_cluster
        return decided

    @contextmanager
    def leased(self, _decided: Decided, _doing: str, **how: Any) -> Iterator[SimpleNamespace]:  # noqa: ANN401
        assert not how["is_alone"]
        yield SimpleNamespace(tell=str)

    def open_store(self, decided: Decided) -> Store:
        return Store.create(
            self.root,
            RunHeader(
                created=CREATED, command_line=("lab",), topology="embedded", plan=decided.plan
            ),
        )

    @contextmanager
    def running(self, _decided: Decided, _store: Store, **_: object) -> Iterator[SimpleNamespace]:
        self.is_up = True
        yield SimpleNamespace(setting=SimpleNamespace(node=self.node))
        self.is_up = False

    def finish(self, store: Store, _stopwatch: Stopwatch, *, is_complete: bool) -> Run:
        store.finish(RunStatus.COMPLETE if is_complete else RunStatus.INTERRUPTED)
        return Run.load(store.path)

    def run(self, cells: str | None = None, focus: str | None = None) -> tuple[int, str]:
        console = Console(file=io.StringIO(), width=200)
        status = run_conformance(replace(WISHES, cells=cells), console, focus=focus)
        return status, cast("io.StringIO", console.file).getvalue()

    def result(self) -> Path:
        return (self.root / "last").resolve()

    def tested(self) -> list[str]:
        words = (word for line in self.node.ran for word in line.split())
        return [word.partition("=")[2] for word in words if word.startswith("-runtime-handler=")]


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    return Lab(tmp_path, monkeypatch)


def test_runc_and_what_is_known_to_work_of_the_default_matrix_are_tested(lab: Lab) -> None:
    status, _ = lab.run()

    tested = lab.tested()
    assert status == 0
    assert tested.count("runc") == 1
    assert {HANDLER, "macvtap-devmapper-kata-go", "tcfilter-virtiofs-kata-rs"} <= set(tested)
    assert not [name for name in tested if "dax" in name or name.startswith("none-")]
    assert not lab.is_up


def test_reports_are_filed_by_handler(lab: Lab) -> None:
    status, said = lab.run(KATA_GO)

    folder = lab.result() / "conformance" / HANDLER
    assert status == 0
    assert (folder / "junit.xml").read_text() == DRY_RUN
    assert '"left_out"' in (folder / "summary.json").read_text()
    assert (folder / "critest.log").exists()
    assert lab.tested() == [HANDLER]
    assert f"{HANDLER}: 90 passed, 0 failed, 0 failed as known, 27 left out" in said
    assert "works now: Security Context NamespaceOption runtime should support HostNetwork" in said
    run = Run.load(lab.result())
    assert run.header.status is RunStatus.COMPLETE
    assert run.header.plan.cell_names == (KATA_GO,)


def test_a_failure_that_nobody_knew_of_is_a_bad_result(lab: Lab) -> None:
    lab.node.reply(REPORT, NO_RUNTIME)

    status, said = lab.run(KATA_GO)

    assert status == 1
    assert "FAIL Idempotence StopPodSandbox should not return an error if not found: " in said


def test_critest_that_comes_to_no_report_is_a_bad_result_and_the_next_is_tested(lab: Lab) -> None:
    reports = iter(["cat: no such file", DRY_RUN])
    lab.node.reply(REPORT, reports)
    lab.node.reply("critest -runtime-endpoint", completed(stdout="panic: it fell over", status=2))

    status, said = lab.run(f"veth+overlayfs+runc,{KATA_GO}")

    assert status == 1
    assert lab.tested() == ["runc", HANDLER] or lab.tested() == [HANDLER, "runc"]
    assert "FAIL critest: critest's report is no XML" in said
    log = (lab.result() / "conformance" / "runc" / "critest.log").read_text()
    assert "panic: it fell over" in log, "what the remedy says to read"


def test_critest_that_never_ends_is_a_bad_result(lab: Lab) -> None:
    gone: Completed = completed(stdout="as far as it came", status=-9)
    lab.node.reply(
        "critest -runtime-endpoint", CommandError("ssh was killed after 15000 s", completed=gone)
    )

    status, said = lab.run(KATA_GO)

    folder = lab.result() / "conformance" / HANDLER
    assert status == 1
    assert "FAIL critest: ssh was killed after 15000 s" in said
    log = (folder / "critest.log").read_text()
    assert log == "as far as it came\nssh was killed after 15000 s"
    assert not (folder / "junit.xml").exists()
    assert lab.node.ran[-1] == critest.CLEAN_UP, "the next one begins afresh"


def test_a_focus_is_handed_on(lab: Lab) -> None:
    lab.run(KATA_GO, focus="Networking")

    assert any("-ginkgo.focus=Networking" in line for line in lab.node.ran)


def test_a_bench_with_kubernetes_is_refused(lab: Lab) -> None:
    lab.is_cluster = True

    with pytest.raises(UsageError, match="critest is for a node without Kubernetes"):
        lab.run()


def test_cells_without_a_handler_are_refused(lab: Lab) -> None:
    with pytest.raises(UsageError, match="none of them has a handler"):
        lab.run("*+*+reference")


def test_without_artefacts_there_is_nothing_to_test(lab: Lab) -> None:
    lab.kit = None

    with pytest.raises(ArtefactError, match="needs a release of Kata and critest"):
        lab.run()
    assert not lab.root.exists()


def test_without_critest_nothing_starts(tmp_path: Path, lab: Lab) -> None:
    lab.kit = built.kit(tmp_path / "others")

    with pytest.raises(ArtefactError, match="critest"):
        lab.run(KATA_GO)
    assert not lab.root.exists()
