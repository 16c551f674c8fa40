"""Both machines are asked before and after, each once."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from lab import command, watch
from lab.command import Completed
from lab.contamination import judge
from lab.processes import Own
from lab.watch import Watch, is_virtual, own_processes, quotas
from tests.tools.captured import captured

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lab.node import Node

QUIET = (captured("noise/6.18-host-before.txt"), captured("noise/6.18-host-after.txt"))
BURNER = "/proc/31000/stat:31000 (burner) R 1 9 9 0 -1 0 0 0 0 0 480 15 0 0 20 0 1 0 2503900 0\n"


@dataclass
class Machines:
    """The host and a node, which say what the test wants; the order of questions is noted."""

    host: list[str]
    node: list[str]
    asked: list[str] = field(default_factory=list)

    def run_on_host(self, argv: Sequence[str], *, timeout_s: float, check: bool) -> Completed:
        return self._answer("host", self.host, argv, timeout_s=timeout_s, check=check)

    def run(self, argv: Sequence[str], *, timeout_s: float, check: bool) -> Completed:
        return self._answer("node", self.node, argv, timeout_s=timeout_s, check=check)

    def _answer(
        self, where: str, says: list[str], argv: Sequence[str], *, timeout_s: float, check: bool
    ) -> Completed:
        assert timeout_s > 0
        assert not check
        self.asked.append(where)
        return Completed(tuple(argv), 0, says.pop(0), "", 0.0)


def watched(monkeypatch: pytest.MonkeyPatch, host: Sequence[str], node: Sequence[str]) -> Any:  # noqa: ANN401
    machines = Machines(list(host), list(node))
    monkeypatch.setattr(command, "run", machines.run_on_host)
    monkeypatch.setattr(
        watch, "own_processes", lambda _domains: Own(pids=frozenset({22607, 22667}))
    )
    made = Watch(cast("Node", machines), domains=["lab-embedded-847e2a-node-1"])
    counted, told = made.since(made.read())
    return machines, counted, told


def test_the_host_is_asked_nearest_to_the_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    machines, counted, _ = watched(monkeypatch, QUIET, QUIET)

    assert machines.asked == ["node", "host", "host", "node"]
    assert {name.split("_")[0] for name in counted} == {"host", "node"}


def test_a_core_that_is_burnt_on_the_host_is_the_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    burning = (QUIET[0], BURNER + QUIET[1])

    _, counted, told = watched(monkeypatch, burning, ("", ""))

    assert [flag.name for flag in judge(counted).flags] == ["host_foreign_cpu"]
    assert told.splitlines()[0] == "host: burner (pid 31000): 4.95 s"


def test_a_core_that_is_burnt_on_the_node_is_the_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    of_node = [text.replace("(ld.so)", "(qemu-system-x86)") for text in QUIET]
    burning = (of_node[0], BURNER + of_node[1])

    _, counted, told = watched(monkeypatch, QUIET, burning)

    assert [flag.name for flag in judge(counted).flags] == ["node_foreign_cpu"]
    assert "node: burner (pid 31000): 4.95 s\n" in told


def test_machines_that_say_nothing_leave_all_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    _, counted, told = watched(monkeypatch, ("", ""), ("", ""))

    assert set(counted.values()) == {None}
    assert told == ""


def folders(root: Path, **command_lines: str) -> Path:
    for pid, line in command_lines.items():
        folder = root / pid.removeprefix("pid_")
        folder.mkdir(parents=True)
        (folder / "cmdline").write_text(line.replace(" ", "\0"))
    (root / "77").mkdir()
    return root


QEMU = "ld.so --argv0 qemu qemu -name guest=lab-a-{},debug-threads=on -S"


@pytest.mark.parametrize(
    ("domains", "pids"),
    [
        ([], set()),
        (["lab-a-node-1"], {12}),
        (["lab-a-node-1", "lab-a-node-2"], {12, 13}),
        (["lab-a-node"], None),
        (["lab-a-node-1", "lab-a-node-9"], None),
    ],
)
def test_the_labs_machines_are_known_by_their_names(
    tmp_path: Path, domains: list[str], pids: set[int] | None
) -> None:
    proc = folders(
        tmp_path, pid_12=QEMU.format("node-1"), pid_13=QEMU.format("node-2"), pid_14="less guest"
    )

    own = own_processes(domains, proc=proc)

    assert own == (None if pids is None else Own(pids=frozenset({os.getpid(), *pids})))


@pytest.mark.parametrize(
    ("cgroup", "files"),
    [
        ("0::/a/b\n", ["a/b", "a", "."]),
        ("0::/\n", ["."]),
        ("3:cpu,cpuacct:/a\n2:memory:/m\n0::/none\n", ["cpu,cpuacct/a", "cpu,cpuacct", "."]),
        ("4:cpuset:/a\n", []),
    ],
)
def test_quotas_are_those_of_its_cgroup_and_all_above(
    tmp_path: Path, cgroup: str, files: list[str]
) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cgroup").write_text(cgroup)
    tree = tmp_path / "fs"
    for folder in ("a/b", "cpu,cpuacct/a", "cpuset/a"):
        (tree / folder).mkdir(parents=True)
    for folder in (".", "a", "a/b", "cpu,cpuacct", "cpu,cpuacct/a", "cpuset/a"):
        (tree / folder / "cpu.stat").touch()

    found = list(quotas(7, proc=tmp_path, cgroups=tree))

    assert found == [str(tree / file / "cpu.stat") for file in files]


def test_a_process_that_is_gone_has_no_quota(tmp_path: Path) -> None:
    assert list(quotas(7, proc=tmp_path)) == []


@pytest.mark.parametrize(
    ("flags", "is_one"), [("fpu vme hypervisor lahf_lm", True), ("fpu vme lahf_lm", False)]
)
def test_a_virtual_machine_is_known_by_its_processor(
    tmp_path: Path, flags: str, *, is_one: bool
) -> None:
    (tmp_path / "cpuinfo").write_text(f"model name\t: hypervisor\nflags\t\t: {flags}\n")

    assert is_virtual(proc=tmp_path) is is_one


def test_this_machine_tells_of_itself() -> None:
    node = cast("Node", Machines([], ["", ""]))

    made = Watch(node, domains=[])
    counted, _ = made.since(made.read())

    assert counted["host_elapsed_s"] is not None
    assert counted["host_memory_available_bytes"] is not None
