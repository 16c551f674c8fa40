"""The life of the control without a guest, on a node that plays its part."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from lab.errors import CommandError, SandboxError
from lab.matrix import CONTROL_CELLS, Cell
from lab.network.model import ADDRESSES, LINKS
from lab.runtime.runc import PROCESSES, RuncSandbox
from lab.storage.backend import MOUNTS
from tests.evidence import (
    LOST,
    Change,
    added,
    answered,
    broken,
    captured,
    edited,
    replaced,
    without,
)
from tests.runtime.fake_node import FakeNode, cni_result, completed, gathered, setting

if TYPE_CHECKING:
    from pathlib import Path

CELLS = {str(cell): captured(str(cell)) for cell in CONTROL_CELLS}
OVERLAYFS = "veth+overlayfs+runc"
DEVMAPPER = "veth+devmapper+runc"
PID = "1234"


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    node = FakeNode(tmp_path)
    node.reply("task ls", f"{PID}\n")
    node.reply("printf 'left: '", "left: ")
    return node


def make(node: FakeNode, cell: str) -> RuncSandbox:
    pod = CELLS[cell].pod
    result = cni_result(mac=pod.mac, address=str(pod.address))
    node.reply("CNI_COMMAND=ADD", gathered({"CNI result": result}))
    return RuncSandbox(setting(node), Cell.parse(cell), name=pod.namespace, number=1)


@pytest.fixture
def sandbox(node: FakeNode) -> RuncSandbox:
    """One that is up."""
    sandbox = make(node, OVERLAYFS)
    sandbox.start()
    return sandbox


def prove(sandbox: RuncSandbox, node: FakeNode, answers: dict[str, str]) -> set[str]:
    """The subjects of the facts that fail for a container that answers so."""
    in_it = {MOUNTS: answers[MOUNTS]}
    node.reply("cgroup", gathered({name: text for name, text in answers.items() if name != MOUNTS}))
    node.reply("/proc/self/mounts", gathered(in_it))
    facts, raw = sandbox.prove()
    assert answers.items() <= raw.items()
    assert len(facts) == 6
    return broken(facts)


@pytest.mark.parametrize("cell", CELLS)
def test_a_real_container_is_proven(cell: str, node: FakeNode) -> None:
    sandbox = make(node, cell)
    sandbox.start()

    assert prove(sandbox, node, dict(CELLS[cell].answers)) == set()


ROOT = "root file system"
DEVICES = "devices in the pod's namespace"
ADDRESS = "IPv4 address of eth0"
CONTAINER = "process of the container"
CASES: dict[str, tuple[str, Change, set[str]]] = {
    "a tap beside it": (OVERLAYFS, added(LINKS, {"ifname": "tap0_kata"}), {DEVICES}),
    "no veth": (OVERLAYFS, without(LINKS, ifname="eth0"), {DEVICES, "MAC of eth0", "MTU of eth0"}),
    "another MAC": (
        OVERLAYFS,
        edited(LINKS, "eth0", "address", "02:00:00:00:00:01"),
        {"MAC of eth0"},
    ),
    "another MTU": (OVERLAYFS, edited(LINKS, "eth0", "mtu", 1500), {"MTU of eth0"}),
    "no address": (OVERLAYFS, edited(ADDRESSES, "eth0", "addr_info", []), {ADDRESS}),
    "ext4 instead": (OVERLAYFS, replaced(MOUNTS, "overlay / overlay", "/dev/vda / ext4"), {ROOT}),
    "fuse-overlayfs": (OVERLAYFS, replaced(MOUNTS, " / overlay", " / fuse.overlay"), {ROOT}),
    "overlay instead": (DEVMAPPER, replaced(MOUNTS, "/ ext4", "/ overlay"), {ROOT}),
    "a file's ext4": (DEVMAPPER, replaced(MOUNTS, "/dev/mapper/", "/elsewhere/"), {ROOT}),
    "no root": (DEVMAPPER, answered(MOUNTS, ""), {ROOT}),
    "another container": (OVERLAYFS, replaced(PROCESSES, "/boot1", "/boot12"), {CONTAINER}),
    "below the container": (OVERLAYFS, replaced(PROCESSES, "/boot1", "/boot1/x"), {CONTAINER}),
    "the node's own process": (OVERLAYFS, answered(PROCESSES, "0::/init.scope\nsh\n"), {CONTAINER}),
    "it ended": (OVERLAYFS, answered(PROCESSES, "cat: No such file\n"), {CONTAINER}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_fact_fails_when_what_it_claims_is_taken_away(case: str, node: FakeNode) -> None:
    cell, change, subjects = CASES[case]
    sandbox = make(node, cell)
    sandbox.start()

    assert prove(sandbox, node, change(CELLS[cell].answers)) == subjects


def test_every_fact_was_taken_away_once(sandbox: RuncSandbox, node: FakeNode) -> None:
    nothing = prove(sandbox, node, dict.fromkeys(CELLS[OVERLAYFS].answers, ""))

    assert set().union(*(subjects for _, _, subjects in CASES.values())) == nothing


@pytest.mark.parametrize("case", LOST)
def test_nothing_is_proven_by_answers_that_are_none(
    case: str, sandbox: RuncSandbox, node: FakeNode
) -> None:
    assert len(prove(sandbox, node, dict.fromkeys(CELLS[OVERLAYFS].answers, LOST[case]))) == 6


@pytest.mark.parametrize(
    ("cell", "snapshotter"), [(OVERLAYFS, "overlayfs"), (DEVMAPPER, "devmapper")]
)
def test_a_start_makes_the_pod_then_the_container_in_it(
    cell: str, snapshotter: str, node: FakeNode
) -> None:
    sandbox = make(node, cell)
    sandbox.start()
    pod, container, answer = node.ran
    name = sandbox.id

    assert f"ip netns add {name}\n" in pod
    assert container.startswith(
        f"ctr -n lab run --detach --runtime io.containerd.runc.v2 --snapshotter {snapshotter}"
        f" --with-ns network:/run/netns/{name} "
    )
    assert f" lab.local/workload:1 {name} sleep infinity\n" in container
    assert answer == f"nsenter -t {PID} -m -u -i -n -p -r -w true"
    assert sandbox.address == str(CELLS[cell].pod.address.ip)
    assert sandbox.ready_s > 0


def test_a_plugin_that_fails_is_told_in_its_words(node: FakeNode) -> None:
    sandbox = make(node, OVERLAYFS)
    node.reply("CNI_COMMAND=ADD", gathered({"CNI result": '{"code": 100, "msg": "no veth"}\n'}))

    with pytest.raises(SandboxError, match="made no network: no veth"):
        sandbox.start()
    assert len(node.ran) == 1


@pytest.mark.parametrize("printed", ["", "\n", "PID\n", "12\n13\n"])
def test_a_container_that_ends_at_once_is_an_error(printed: str, node: FakeNode) -> None:
    node.reply("task ls", printed)

    with pytest.raises(SandboxError, match="the container of boot1 ended at once"):
        make(node, OVERLAYFS).start()


def test_a_container_that_is_not_made_is_an_error(node: FakeNode) -> None:
    node.reply("task ls", completed(status=1, stderr="ctr: image not found\n"))

    with pytest.raises(CommandError) as caught:
        make(node, OVERLAYFS).start()
    assert caught.value.completed.stderr == "ctr: image not found\n"


def test_a_restart_ends_the_task_but_keeps_the_container(
    sandbox: RuncSandbox, node: FakeNode
) -> None:
    node.reply("task start", "4321\n")

    sandbox.restart()

    script = node.ran[-1]
    assert script.startswith(
        "sync\nctr -n lab task rm --force boot1 >/dev/null\nctr -n lab task start --detach boot1\n"
    )
    assert "container rm" not in script
    sandbox.run(["true"], timeout_s=5)
    assert node.ran[-1].startswith("nsenter -t 4321 ")


def test_stop_undoes_all_of_it_and_tolerates_what_is_gone(
    sandbox: RuncSandbox, node: FakeNode
) -> None:
    sandbox.stop()

    lines = node.ran[-1].splitlines()
    assert lines[0] == "ctr -n lab task rm --force boot1 >/dev/null || true"
    assert lines[1] == "ctr -n lab container rm boot1"
    assert lines[2].startswith("CNI_COMMAND=DEL ")
    assert lines[3:5] == ["ip netns del boot1", "rm -rf --one-file-system /run/kata-lab/boot1"]


def test_what_is_left_behind_is_reported(sandbox: RuncSandbox, node: FakeNode) -> None:
    done = completed(stdout="left: namespace ", stderr="ctr: context deadline exceeded\n")
    node.reply("printf 'left: '", done)

    with pytest.raises(SandboxError, match="boot1 left namespace: ctr: context deadline exceeded"):
        sandbox.stop()


def test_every_script_is_one_that_a_shell_understands(sandbox: RuncSandbox, node: FakeNode) -> None:
    sandbox.prove()
    sandbox.drop_caches("/lab/file")
    sandbox.restart()
    sandbox.stop()

    for script in node.ran:
        done = subprocess.run(
            ["/bin/sh", "-n"], input=script, text=True, capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), script


def test_a_command_that_fails_is_an_error_unless_that_is_an_answer(
    sandbox: RuncSandbox, node: FakeNode
) -> None:
    node.reply("-w false", completed(status=1))

    assert sandbox.run(["false"], timeout_s=5, check=False).returncode == 1
    with pytest.raises(CommandError) as caught:
        sandbox.run(["false"], timeout_s=5)
    assert caught.value.problem == "false exited with status 1 in veth+overlayfs+runc"


def test_a_question_of_testinfra_is_asked_inside(sandbox: RuncSandbox, node: FakeNode) -> None:
    assert sandbox.guest.run("uname -r").rc == 0
    assert node.ran[-1] == f"nsenter -t {PID} -m -u -i -n -p -r -w sh -c uname -r"


def test_what_runs_beside_a_block_is_waited_for_inside_and_ends_with_it(
    sandbox: RuncSandbox, node: FakeNode
) -> None:
    enter = f"nsenter -t {PID} -m -u -i -n -p -r -w"

    with sandbox.background(["iperf3", "-s"], listening=5201):
        assert node.beside == [f"{enter} iperf3 -s"]
        assert node.ran[-1].startswith(f"{enter} sh -c tries=0; until ss ")
        assert "sport = :5201" in node.ran[-1]
    assert node.beside == []


def test_memory_is_that_of_its_processes_and_its_shim_in_bytes(
    sandbox: RuncSandbox, node: FakeNode
) -> None:
    node.reply(f"for pid in {PID} $(pgrep -f -- '-id boot1 ')", "512\n")

    assert sandbox.memory_bytes() == 512 * 1024


def test_nothing_is_shared_with_a_container(sandbox: RuncSandbox) -> None:
    assert sandbox.share() is None


def test_a_container_has_no_console(sandbox: RuncSandbox) -> None:
    assert sandbox.console() == ""
