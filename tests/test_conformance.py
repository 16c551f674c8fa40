"""`lab conformance` on a node that only plays: what is tested, filed and told."""

from __future__ import annotations

import io
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from rich.console import Console

from lab import launch
from lab.cluster import containerd, critest, e2e
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
from tests.cluster.test_suite_report import DRY_RUN, NO_RUNTIME
from tests.fake_run import CREATED
from tests.runtime.fake_node import FakeNode, completed, setting

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


class Lab:
    """The lab around it: decides, and brings up a node that plays critest's part."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        lock = built.fill(tmp_path / "built", more={"bin/critest": b"#!/bin/sh\n"})
        self.kit: Kit | None = Kit.of(load_artefacts(lock, tmp_path / "built"))
        self.node = FakeNode(tmp_path)
        self.node.reply(REPORT, DRY_RUN)
        self.root = tmp_path / "results"
        self.is_up = False
        for name in ("decide", "open_store", "leased", "running", "finish"):
            monkeypatch.setattr(launch, name, getattr(self, name))

    def decide(self, wishes: Wishes, **_: object) -> FakeDecided:
        cells = select(wishes.cells, runtimes=(*CONTROLS, *KATA))
        plan = make(cells, profile="smoke", rounds=3, seed=5)
        return FakeDecided(plan, self.kit)

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
        yield SimpleNamespace(setting=setting(self.node))
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
    assert "FAIL critest: the report of critest is no XML" in said
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


E2E_TEST = """\
#!/bin/sh
echo "$@" >"$0.told"
for word; do case $word in --ginkgo.junit-report=*) report=${word#*=};; esac; done
cat >"$report" <<'REPORT'
<testsuites><testsuite>
<testcase name="[It] [sig-network] Networking Granular Checks: Pods should function for
intra-pod communication: http [NodeConformance] [Conformance]" status="passed"></testcase>
<testcase name="[It] [sig-network] Networking Granular Checks: Pods should function for
node-pod communication: udp [LinuxOnly]" status="failed"><failure message="no answer"/></testcase>
<testcase name="[It] [sig-network] Other [Slow]" status="skipped"><skipped message="skipped"/>
</testcase>
<testcase name="[It] [sig-apps] Deployment runs" status="skipped"><skipped message="skipped"/>
</testcase>
</testsuite></testsuites>
REPORT
"""
AGNHOST = "images/agnhost.tar"


def on_a_cluster(lab: Lab, tmp_path: Path, more: dict[str, bytes]) -> Path:
    """Have *lab* decide on a cluster; return where e2e.test is."""
    directory = tmp_path / "cluster"
    lock = built.fill_cluster(directory, releases=built.RELEASES, more=more)
    program = directory / "bin" / "e2e.test"
    if program.exists():
        program.chmod(0o755)
    lab.kit = Kit.of_cluster(load_artefacts(lock, directory))
    (lab.node.access.sockets / "kubeconfig").touch()
    return program


@pytest.fixture
def e2e_test(lab: Lab, tmp_path: Path) -> Path:
    return on_a_cluster(lab, tmp_path, {"bin/e2e.test": E2E_TEST.encode(), AGNHOST: b"an image"})


def test_on_a_cluster_kubernetes_own_tests_are_run_here_with_the_handler_as_default(
    lab: Lab, e2e_test: Path
) -> None:
    status, said = lab.run("veth+overlayfs+runc")

    folder = lab.result() / "conformance" / "runc"
    assert status == 1
    assert "runc: 1 passed, 1 failed, 0 failed as known, 1 left out" in said
    assert "sig-apps" not in (folder / "summary.json").read_text()
    assert (folder / "e2e.test.log").exists()
    told = e2e_test.with_name("e2e.test.told").read_text()
    assert f"--kubeconfig={lab.node.access.sockets}/kubeconfig" in told
    assert "Granular Checks: Pods" in told
    imported, changed, back = lab.node.ran
    assert imported.count("images import --local --snapshotter overlayfs") == 1
    assert 'default_runtime_name = "runc"' in changed
    assert changed == back


@pytest.mark.usefixtures("e2e_test")
def test_a_host_network_that_kata_has_not_is_known(lab: Lab) -> None:
    status, said = lab.run(KATA_GO)

    assert status == 0
    assert f"{HANDLER}: 1 passed, 0 failed, 1 failed as known, 1 left out" in said
    assert f'default_runtime_name = "{HANDLER}"' in lab.node.ran[1]
    assert 'default_runtime_name = "runc"' in lab.node.ran[2]


def test_without_the_image_of_its_pods_nothing_starts(lab: Lab, tmp_path: Path) -> None:
    on_a_cluster(lab, tmp_path, {"bin/e2e.test": b"a program"})

    with pytest.raises(ArtefactError, match="starts pods of agnhost"):
        lab.run(KATA_GO)
    assert not lab.root.exists()


def test_the_default_is_what_the_script_makes_it(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(containerd.config((), sandbox_image="pause:3"))
    script = e2e.default_script("kata-x").replace("/etc/containerd/config.toml", str(file))
    script = script.replace("systemctl restart containerd\n", "").replace(e2e.READY, "")

    subprocess.run(["/bin/sh", "-eu", "-c", script], check=True)

    assert 'default_runtime_name = "kata-x"\n' in file.read_text()
