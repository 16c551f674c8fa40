"""What is kept of a boot in which something failed; a node that is gone costs a line."""

from __future__ import annotations

import base64
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lab import command, diagnosis
from lab.errors import CommandError, ProvisionError, StoreError
from lab.labs import Mark
from lab.loader import load_topology
from lab.owner import me
from lab.records import RunHeader
from lab.store import HEADER, Store
from tests.fake_run import CREATED
from tests.fakes import Clock
from tests.runtime.fake_node import FakeNode, completed, gathered, setting
from tests.test_remainder import PLAN

if TYPE_CHECKING:
    from pathlib import Path

    from lab.plan import Boot

BOOT: Boot = PLAN.order[0]
ELSEWHERE = "storage/test_posix.py::test_rename"
CONNECTION = "network/test_connectivity.py::test_ping"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    header = RunHeader(
        created=CREATED, command_line=("lab",), topology="embedded", plan=PLAN, options=()
    )
    return Store.create(tmp_path / "results", header)


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    return FakeNode(tmp_path)


def take(
    node: FakeNode, store: Store, scenario: str = ELSEWHERE, clock: Clock | None = None
) -> Path:
    now = (clock or Clock()).monotonic
    return diagnosis.take(setting(node), store, BOOT, scenario=scenario, since_s=4.2, now=now)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_clusters_api_is_asked_too(store: Store, node: FakeNode) -> None:
    node.reply("kubectl get events --all-namespaces", "FailedCreatePodSandBox\n")
    node.reply("kubectl describe pods", completed(stderr="refused\n", status=1))
    on_cluster = replace(setting(node), topology=load_topology("k8s-single"))

    folder = diagnosis.take(
        on_cluster, store, BOOT, scenario=ELSEWHERE, since_s=4.2, now=Clock().monotonic
    )

    assert (folder / "cluster-events.txt").read_text() == "FailedCreatePodSandBox\n"
    assert (folder / "cluster-pods-in-full.txt").read_text() == "refused\n"
    assert {"cluster-nodes.txt", "cluster-pods.txt"} <= names(folder)


def test_what_the_node_says_is_kept_by_name(store: Store, node: FakeNode) -> None:
    node.reply("=====lab", gathered({"journal": "it broke\n", "network": "1: lo\n"}))

    folder = take(node, store)

    assert folder == store.path / "diagnosis" / BOOT.id
    assert (folder / "node-1-journal.txt").read_text() == "it broke\n"
    assert (folder / "node-1-network.txt").read_text() == "1: lo\n"
    (script,) = node.ran
    assert "--since '\"'\"'-5s'\"'\"'" in script
    assert script.count(f"timeout {diagnosis.QUESTION_S} ") == len(diagnosis.ON_NODE)


def test_the_end_of_the_nodes_console_is_kept(store: Store, node: FakeNode) -> None:
    lines = [f"line {number}" for number in range(1000)]
    store.node_console_path("node-1").write_text("\n".join(lines))

    kept = (take(node, store) / "node-1-console.txt").read_text().splitlines()

    assert kept == lines[-diagnosis.CONSOLE_LINES :]


def test_what_its_qemu_said_is_kept(
    store: Store, node: FakeNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnosis, "QEMU_LOGS", (tmp_path / "none", tmp_path))
    Mark(owner=me(), home=str(tmp_path), lab="lab-embedded-1").put(tmp_path)
    (tmp_path / "lab-embedded-1-node-1.log").write_text("qemu: terminating on signal 9\n")

    folder = take(node, store)

    assert (folder / "node-1-qemu.txt").read_text() == "qemu: terminating on signal 9\n"


def test_a_node_that_is_gone_costs_a_line(store: Store, node: FakeNode) -> None:
    node.reply("=====lab", ProvisionError("node node-1 cannot be reached", remedy="look"))

    folder = take(node, store)

    assert "cannot be reached" in (folder / "node.failed.txt").read_text()
    assert {"how-to-look-further.txt", "node-1-console.txt"} <= names(folder)


def test_of_a_node_that_is_given_up_on_what_it_had_said_is_kept(
    store: Store, node: FakeNode
) -> None:
    half = completed(stdout=gathered({"journal": "it broke\n"}), status=-9)
    node.reply("=====lab", CommandError("ssh was killed after 12 s", completed=half))

    folder = take(node, store)

    assert (folder / "node-1-journal.txt").read_text() == "it broke\n"
    assert "killed after 12 s" in (folder / "node-1.failed.txt").read_text()


def test_all_parts_share_one_deadline(store: Store, node: FakeNode) -> None:
    clock = Clock()

    def slowly() -> float:
        clock.now += 20.0
        return clock.now

    folder = diagnosis.take(
        setting(node), store, BOOT, scenario=CONNECTION, since_s=1.0, now=slowly
    )

    assert node.ran == []
    assert "not asked: 30 s were over" in (folder / "node.failed.txt").read_text()


def test_packets_are_captured_where_a_connection_failed(store: Store, node: FakeNode) -> None:
    packets = b"\xd4\xc3\xb2\xa1 a capture"
    text = f"== boot1\n{base64.encodebytes(packets).decode()}"
    node.reply("tcpdump", gathered({"packets": text}))

    folder = take(node, store, CONNECTION)

    assert (folder / "node-1-boot1.pcap").read_bytes() == packets
    assert not any(name.endswith(".pcap") for name in names(take(node, store)) - names(folder))


def test_how_to_look_further_is_said(store: Store, node: FakeNode) -> None:
    text = (take(node, store) / diagnosis.HOW).read_text()

    assert "lab shell node-1" in text
    assert f"--cells {BOOT.cell}" in text
    assert "--keep failed" in text


def test_that_nothing_can_be_kept_is_an_error(store: Store, node: FakeNode) -> None:
    (store.path / HEADER).unlink()

    with pytest.raises(StoreError, match="is gone"):
        take(node, store)


@pytest.mark.parametrize(
    ("scenario", "is_one"),
    [
        (CONNECTION, True),
        ("cluster/test_across_nodes.py::test_guest_reaches_another_node", True),
        ("cluster/test_service.py::test_pod_reaches_service", True),
        ("storage/test_posix.py::test_connectivity.py", False),
    ],
)
def test_packets_are_asked_for_where_somebody_was_to_be_reached(
    scenario: str, *, is_one: bool
) -> None:
    assert diagnosis.is_of_connectivity(scenario) is is_one


def test_the_capture_is_a_script_that_a_shell_can_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a node with two namespaces, of which one lets nobody listen."""
    programs = {
        "ip": """\
case "$*" in
"netns list") printf 'boot1 (id: 0)\\nboot2 (id: 1)\\n' ;;
"netns exec boot1 "*) shift 3; exec "$@" ;;
"netns exec boot2 "*) exit 1 ;;
*"address show dev eth0") echo "2: eth0 inet 10.0.0.1/32 scope global eth0" ;;
esac""",
        "tcpdump": 'while [ "$1" != -w ]; do shift; done; printf packets >"$2"',
        "ping": "exit 0",
    }
    for name, text in programs.items():
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    done = command.run(["sh", "-eu", "-c", diagnosis.CAPTURE], timeout_s=20)

    assert done.stdout == f"== boot1\n{base64.encodebytes(b'packets').decode()}"
    assert not list(tmp_path.glob("tmp.*"))
