"""The way into a sandbox, by what one calls it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from lab import inside, labs
from lab.cli import main
from lab.command import Completed
from lab.errors import UsageError
from lab.labs import LabRecord, NodeRecord
from lab.matrix import Cell
from lab.node import Node
from lab.run import Run
from lab.runtime import guest_shell
from lab.virt.xml import Accelerator
from tests.fake_run import FakeRun
from tests.fakes import DEAD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RUNC, REFERENCE, KATA = map(
    Cell.parse,
    ("veth+overlayfs+runc", "tcfilter+9p+reference", "tcfilter+virtiofs+kata-go"),
)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run whose three sandboxes are up, each under its name."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    run = Run.load(FakeRun(cells=(RUNC, REFERENCE, KATA)).write(tmp_path / "results"))
    up(run)
    listed = "".join(f"{boot.sandbox}\n" for boot in run.order)
    monkeypatch.setattr(Node, "script", lambda *_, **__: f"/run/x:\n{listed}peer\n/run/y:\n")
    return run


def up(run: Run, *nodes: str) -> LabRecord:
    record = LabRecord(
        id="lab-a", topology="embedded", accelerator=Accelerator.TCG, uri="test:///default",
        nodes=tuple(
            NodeRecord(name=name, domain=name, console="/c.log", sockets=f"/s/{name}")
            for name in nodes or ("node-1",)
        ),
        owner=DEAD, created="", run=str(run.path),
    )  # fmt: skip
    record.folder.mkdir(parents=True, exist_ok=True)
    labs.write_record(record)
    return record


def sandbox(run: Run, cell: Cell) -> str:
    return next(boot.sandbox for boot in run.order if boot.cell == cell)


@pytest.mark.parametrize("cell", [RUNC, REFERENCE, KATA], ids=str)
def test_a_sandbox_has_three_names(run: Run, cell: Cell) -> None:
    name = sandbox(run, cell)
    boot = next(boot for boot in run.order if boot.cell == cell)

    ways = [inside.find(each) for each in (name, str(cell), boot.id)]

    assert {(way.name, way.cell) for way in ways} == {(name, cell)}


def test_each_runtime_has_its_way_in(run: Run) -> None:
    line = inside.find(str(RUNC)).argv[-1]
    assert line.startswith("ctr -n lab tasks exec --tty --exec-id lab-shell-")
    assert line.endswith(f" {sandbox(run, RUNC)} sh")
    assert f"--name '^{sandbox(run, KATA)}$'" in inside.find(str(KATA)).argv[-1]
    assert inside.find(str(REFERENCE)).agent == Path(f"/s/node-1/{sandbox(run, REFERENCE)}.agent")
    assert inside.find("peer").argv[-1].endswith(" peer sh")
    assert inside.find("peer").argv[:-1] == [
        "ssh", "-F", "/s/node-1/ssh_config", "-t", "node-1", "--",
    ]  # fmt: skip


def test_a_pod_is_entered_from_the_control_plane(run: Run) -> None:
    path = run.path / "run.json"
    header = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode({**header, "topology": "k8s-calico-kata"}))
    up(run, "control-1", "worker-1", "worker-2")

    way = inside.find(str(KATA))

    assert way.agent is None
    assert (way.node.name, way.control_plane.name) == ("worker-1", "control-1")
    assert "control-1" in way.argv
    assert "exec -it " in way.argv[-1]


@pytest.mark.usefixtures("run")
def test_what_is_not_up_is_named_with_what_is() -> None:
    with pytest.raises(
        UsageError, match="no node and no sandbox 'tcfilter\\+9p\\+referenc' is up"
    ) as e:
        inside.find("tcfilter+9p+referenc")

    assert "did you mean 'tcfilter+9p+reference'?" in e.value.remedy
    assert "peer" in e.value.remedy


def test_a_lab_whose_run_is_gone_has_no_sandboxes_by_name(run: Run) -> None:
    (run.path / "run.json").unlink()

    with pytest.raises(UsageError, match="is up"):
        inside.find("boot1")


class Agent:
    """Stands for a guest's agent."""

    asked: list[Sequence[str]] = []  # noqa: RUF012 - emptied by the fixture

    def __init__(self, path: Path) -> None:
        assert path.suffix == ".agent"

    def connect(self, *, timeout_s: float) -> None:
        assert timeout_s == guest_shell.CONNECT_TIMEOUT_S

    def close(self) -> None:
        self.asked.append(["closed"])

    def run(self, argv: Sequence[str], *, timeout_s: float) -> object:
        assert timeout_s
        self.asked.append(argv)
        return Completed(tuple(argv), 3 if "false" in argv[-1] else 0, "said\n", "", 0.1)


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Agent]]:
    monkeypatch.setattr("lab.runtime.guest_agent.GuestAgent", Agent)
    yield Agent
    Agent.asked.clear()


@pytest.mark.usefixtures("run")
def test_a_guest_without_a_terminal_takes_one_command_at_a_time(
    agent: type[Agent], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = iter(["uname -r", "", "false"])

    def typed(_prompt: str) -> str:
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", typed)

    assert main(["shell", "tcfilter+9p+reference"]) == 0

    out, err = capsys.readouterr()
    assert out.splitlines() == ["said", "said", "(status 3)"]
    assert "One command at a time, through the guest's agent" in err
    assert [argv[-1] for argv in agent.asked] == [
        "exec 2>&1; uname -r", "exec 2>&1; false", "closed",
    ]  # fmt: skip


@pytest.mark.usefixtures("run")
def test_an_agent_that_its_run_speaks_with_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["shell", "tcfilter+9p+reference"]) == 1

    said = capsys.readouterr().err
    assert "an agent speaks with one at a time" in said
    assert "lab matrix --pause-on fail" in said
