from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import pytest

from lab import host, system
from lab.doctor import Finding, examine
from lab.errors import HostError
from lab.system import Need, Purpose
from lab.virt import connection
from lab.virt.connection import Connection, connected

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRESENT = Need("coreutils", ("ls",), "lists files", Purpose.BENCH)
ABSENT = Need("absent-package", ("no-such-program-anywhere",), "tests it", Purpose.BENCH)


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that lacks nothing but hardware virtualisation."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(system, "bench_needs", lambda **_: (PRESENT,))
    monkeypatch.setattr(host, "check_room", lambda _topology: None)
    monkeypatch.setattr(host, "available_memory_mib", lambda: 8192)
    monkeypatch.setattr(host, "KVM", tmp_path / "kvm")
    monkeypatch.setattr(connection, "default_uri", lambda: "test:///default")


def about(subject: str) -> Finding:
    (finding,) = (each for each in examine() if each.subject == subject)
    return finding


def test_a_machine_that_lacks_nothing_is_good_all_over() -> None:
    assert [(finding.subject, finding.is_good) for finding in examine()] == [
        ("coreutils", True),
        ("room", True),
        ("libvirt", True),
        ("hardware virtualisation", True),
    ]


def test_a_missing_package_comes_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(system, "bench_needs", lambda **_: (PRESENT, ABSENT))

    finding = about("absent-package")

    assert not finding.is_good
    assert finding.fact == "missing: tests it"
    assert finding.remedy == "apt-get install --yes --no-install-recommends absent-package"
    assert about("coreutils").is_good


@pytest.mark.parametrize(("uid", "user_is_root"), [(0, True), (1000, False)])
def test_what_is_needed_depends_on_who_asks(
    monkeypatch: pytest.MonkeyPatch, *, uid: int, user_is_root: bool
) -> None:
    asked: list[bool] = []

    def needs(*, user_is_root: bool) -> tuple[Need, ...]:
        asked.append(user_is_root)
        return ()

    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(system, "bench_needs", needs)

    examine()

    assert asked == [user_is_root]


def test_room_is_that_of_the_default_topology(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_topology: object) -> NoReturn:
        raise HostError("needs 4608 MiB", remedy="end something")

    assert about("room") == Finding("room", "8192 MiB of memory available", is_good=True)

    monkeypatch.setattr(host, "check_room", none)

    assert about("room") == Finding("room", "needs 4608 MiB", is_good=False, remedy="end something")


def test_libvirt_is_asked_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    class Raw:
        def getLibVersion(self) -> int:  # noqa: N802 - libvirt's name
            return 9_000_001

    @contextmanager
    def answering(uri: str) -> Iterator[Connection]:
        yield Connection(uri, Raw())

    monkeypatch.setattr(connection, "connected", answering)

    assert about("libvirt").fact == "test:///default answers, version 9.0.1"


def test_a_libvirt_that_does_not_answer_is_a_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "default_uri", lambda: "none:///x")

    finding = about("libvirt")

    assert not finding.is_good
    assert finding.fact.startswith("libvirt at none:///x cannot be reached")
    assert "systemctl start libvirtd" in finding.remedy
    assert connection.connected is connected


def test_a_python_without_libvirt_is_a_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lab.virt.connection", None)

    finding = about("libvirt")

    assert not finding.is_good
    assert finding.remedy


def test_a_machine_without_hardware_virtualisation_lacks_nothing() -> None:
    finding = about("hardware virtualisation")

    assert finding.is_good
    assert finding.fact == "this machine has no /dev/kvm: nodes are emulated"


def test_a_kvm_that_can_be_opened_is_not_yet_trusted() -> None:
    host.KVM.touch()

    finding = about("hardware virtualisation")

    assert finding.is_good
    assert "a run tries the node's own kernel under it" in finding.fact
