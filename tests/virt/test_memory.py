from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import libvirt
import libvirt_qemu
import pytest

from lab import wait
from lab.errors import NotReadyError, ProvisionError
from lab.virt import memory
from lab.virt.connection import connected
from tests.fakes import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.virt.connection import Connection

DOMAIN = "test"
"""The one that libvirt's test driver has from the start."""


class Monitor:
    """QEMU's, which libvirt's test driver has not."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.states: list[dict[str, Any]] = [{"status": "active"}, {"status": "completed"}]
        self.refuses = ""

    def command(self, _domain: object, text: str, _flags: int) -> str:
        said = json.loads(text)
        if said["execute"] == self.refuses:
            return json.dumps({"error": {"class": "GenericError", "desc": "not migratable"}})
        self.asked.append((said["execute"], said["arguments"]))
        if said["execute"] != "query-migrate":
            return json.dumps({"return": {}})
        return json.dumps({"return": self.states.pop(0) if self.states else {}})


@pytest.fixture
def monitor(monkeypatch: pytest.MonkeyPatch) -> Monitor:
    made = Monitor()
    monkeypatch.setattr(libvirt_qemu, "qemuMonitorCommand", made.command)
    monkeypatch.setattr(wait, "time", Clock())
    return made


@pytest.fixture
def connection() -> Iterator[Connection]:
    with connected("test:///default") as made:
        yield made


def state(connection: Connection) -> int:
    number: int = connection.raw.lookupByName(DOMAIN).state()[0]
    return number


def test_memory_is_written_without_a_limit_and_waited_for(
    monitor: Monitor, connection: Connection, tmp_path: Path
) -> None:
    memory.save(connection, DOMAIN, tmp_path / "memory")

    assert monitor.asked == [
        ("migrate-set-parameters", {"max-bandwidth": 1 << 40}),
        ("migrate", {"uri": f"file:{tmp_path}/memory"}),
        ("query-migrate", {}),
        ("query-migrate", {}),
    ]


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ([{"status": "failed", "error-desc": "No space left"}], "memory of test failed: No space"),
        ([{"status": "failed"}], "no reason given"),
    ],
)
def test_memory_that_is_not_written_is_told(
    monitor: Monitor, connection: Connection, tmp_path: Path, states: list[Any], told: str
) -> None:
    monitor.states = states

    with pytest.raises(ProvisionError, match=told):
        memory.save(connection, DOMAIN, tmp_path / "memory")


def test_memory_that_never_comes_is_given_up_on(
    monitor: Monitor, connection: Connection, tmp_path: Path
) -> None:
    monitor.states = []

    with pytest.raises(NotReadyError, match="the memory of test not ready after 120 s"):
        memory.save(connection, DOMAIN, tmp_path / "memory")


def test_an_answer_that_is_none_is_told(
    monkeypatch: pytest.MonkeyPatch, connection: Connection, tmp_path: Path
) -> None:
    monkeypatch.setattr(libvirt_qemu, "qemuMonitorCommand", lambda *_: "{")

    with pytest.raises(ProvisionError, match="migrate-set-parameters of test failed: "):
        memory.save(connection, DOMAIN, tmp_path / "memory")


def test_what_qemu_refuses_is_told_in_its_words(
    monitor: Monitor, connection: Connection, tmp_path: Path
) -> None:
    monitor.refuses = "migrate"

    with pytest.raises(ProvisionError, match="migrate of test failed: not migratable"):
        memory.save(connection, DOMAIN, tmp_path / "memory")


def test_a_machine_is_held_for_the_block_and_goes_on_whatever_comes(connection: Connection) -> None:
    seen: list[int] = []

    def fail() -> None:
        with memory.held(connection, [DOMAIN]):
            seen.append(state(connection))
            raise ProvisionError("no space", remedy="none")

    with pytest.raises(ProvisionError, match="no space"):
        fail()

    assert [*seen, state(connection)] == [
        libvirt.VIR_DOMAIN_PAUSED,
        libvirt.VIR_DOMAIN_RUNNING,
    ]


def test_if_one_cannot_be_held_those_before_it_go_on(connection: Connection) -> None:
    with (
        pytest.raises(ProvisionError, match="holding absent failed"),
        memory.held(connection, [DOMAIN, "absent"]),
    ):
        raise AssertionError("unreachable")

    assert state(connection) == libvirt.VIR_DOMAIN_RUNNING
