"""What scenarios lean on, where it is more than a line; no node in it."""

from __future__ import annotations

import dataclasses
from ipaddress import IPv4Address
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from lab import faults
from lab.bench import GuestLostError, NotMeasuredError
from lab.errors import SandboxError
from lab.matrix import Cell
from lab.outcome import Outcome
from lab.storage.backend import Share
from lab.tools import tcpdump
from scenarios import beside
from scenarios.cluster import conftest, test_across_nodes
from scenarios.storage import test_faults
from tests.runtime.fake_node import FakeNode, completed, gathered, setting
from tests.tools.captured import captured

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path


def bench(*nodes: FakeNode, has_calico: bool = True) -> Any:  # noqa: ANN401 - stands for a Bench
    made = setting(nodes[0], control_plane=nodes[-1])
    return SimpleNamespace(setting=dataclasses.replace(made, has_calico=has_calico))


@pytest.fixture
def nodes(tmp_path: Path) -> tuple[FakeNode, FakeNode]:
    return FakeNode(tmp_path, name="worker-1"), FakeNode(tmp_path, name="control-1")


def test_what_only_two_nodes_can_show_is_unsupported_on_one(
    nodes: tuple[FakeNode, FakeNode],
) -> None:
    conftest.need_two_nodes(bench(*nodes))

    with pytest.raises(NotMeasuredError, match="bench has one node") as caught:
        conftest.need_two_nodes(bench(nodes[0]))
    assert caught.value.outcome is Outcome.UNSUPPORTED


def test_what_only_calico_makes_is_unsupported_without_it(
    nodes: tuple[FakeNode, FakeNode],
) -> None:
    conftest.need_calico(bench(*nodes))

    with pytest.raises(NotMeasuredError, match="CNI plugin stands in for it") as caught:
        conftest.need_calico(bench(*nodes, has_calico=False))
    assert caught.value.outcome is Outcome.UNSUPPORTED


def test_the_wire_is_looked_at_while_packets_pass(nodes: tuple[FakeNode, FakeNode]) -> None:
    node, _ = nodes
    shown = captured("tcpdump/4.99.5-ipip.out")
    node.reply("-r /run/kata-lab/wire.pcap", completed(
        stdout=shown, stderr=captured("tcpdump/4.99.5-empty.err")
    ))  # fmt: skip

    with test_across_nodes._wire(node) as seen:
        assert node.beside == [" ".join(tcpdump.capture("data0", "/run/kata-lab/wire.pcap"))]
        assert seen == []

    assert node.ran[0] == "rm -f /run/kata-lab/wire.pcap\n"
    assert {packet.near for packet in seen} == {
        IPv4Address("198.18.1.1"),
        IPv4Address("198.18.1.2"),
    }


class Doomed:
    """A sandbox that ends while it writes."""

    cell = Cell.parse("tcfilter+virtiofs+kata-go")

    def run(self, _argv: list[str], **_: object) -> None:
        raise SandboxError("it cannot be told to run sh: ttrpc: closed", remedy="read")


@pytest.mark.parametrize(
    ("lost", "outcome"),
    [("the emulator lost the guest: its processor", Outcome.INFRA), ("", Outcome.FAIL)],
)
def test_records_of_a_guest_that_the_emulator_lost_are_not_the_storages_loss(
    tmp_path: Path, lost: str, outcome: Outcome
) -> None:
    node = FakeNode(tmp_path)
    node.reply("echo $(pgrep virtiofsd)", "4711\n")
    node.reply(faults.KEPT, gathered({faults.ALIVE: "", faults.KEPT: "1\n2\n"}))
    rig: Any = SimpleNamespace(lost_guest=lambda: lost)
    doomed: Any = Doomed()

    with pytest.raises(NotMeasuredError) as caught:
        test_faults.test_killed_virtiofsd_is_noticed_and_nothing_is_lost(
            doomed, Share(daemon="$(pgrep virtiofsd)", changes="/upper"), node, rig
        )

    assert caught.value.outcome is outcome


class Second:
    """Another pod, which fails where the test wants it to."""

    fails: ClassVar[set[str]] = set()
    calls: ClassVar[list[str]] = []

    def __init__(self, *_: object, **__: object) -> None:
        self.calls.clear()

    def _told(self, what: str) -> None:
        self.calls.append(what)
        if what in self.fails:
            raise SandboxError(f"it does not {what}", remedy="read")

    def start(self) -> None:
        self._told("start")

    def stop(self) -> None:
        self._told("stop")


@pytest.mark.parametrize(
    ("lost", "outcome"), [("the emulator lost it", Outcome.INFRA), ("", Outcome.BLOCKED)]
)
def test_a_second_pod_that_does_not_start_is_told_of_though_it_does_not_end_either(
    monkeypatch: pytest.MonkeyPatch, lost: str, outcome: Outcome
) -> None:
    monkeypatch.setattr(beside, "PodSandbox", Second)
    monkeypatch.setattr(Second, "fails", {"start", "stop"})

    def started(make: Callable[[], Second]) -> None:
        try:
            make().start()
        except SandboxError as error:
            raise (GuestLostError(lost) if lost else error) from error

    rig: Any = SimpleNamespace(setting=None, started=started)
    sandbox: Any = SimpleNamespace(cell=None, id="boot1")
    describe: Any = None

    with (
        pytest.raises(NotMeasuredError) as caught,
        beside.pod_beside(rig, sandbox, "pair", describe=describe),
    ):
        pytest.fail("it has not started")

    assert caught.value.outcome is outcome
    assert Second.calls == ["start", "stop"]


def second_pod(
    monkeypatch: pytest.MonkeyPatch, *, is_ending: bool
) -> AbstractContextManager[object]:
    """A bench that starts a second pod, which does not stop, and that pod's block."""
    monkeypatch.setattr(beside, "PodSandbox", Second)
    monkeypatch.setattr(Second, "fails", {"stop"})
    rig: Any = SimpleNamespace(
        setting=None, started=lambda make: make().start(), is_ending=is_ending
    )
    sandbox: Any = SimpleNamespace(cell=None, id="boot1")
    describe: Any = None
    return beside.pod_beside(rig, sandbox, "pair", describe=describe)


def test_a_second_pod_that_leaves_something_behind_fails_its_scenario_and_not_the_boot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with (
        pytest.raises(NotMeasuredError, match="does not stop") as caught,
        second_pod(monkeypatch, is_ending=False),
    ):
        assert Second.calls == ["start"]

    assert caught.value.outcome is Outcome.FAIL


def test_a_second_pod_is_left_to_its_node_where_that_is_about_to_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with second_pod(monkeypatch, is_ending=True):
        pass

    assert Second.calls == ["start"]
