"""A connection, on libvirt's own test driver: no daemon, no machine."""

from __future__ import annotations

import grp
import os
import socket
import threading
from typing import TYPE_CHECKING, NoReturn

import libvirt
import pytest

from lab import command
from lab.errors import CommandError, HostError, NotReadyError, ProvisionError
from lab.virt import connection as module
from lab.virt.connection import Connection, connected, default_uri, within
from tests.fakes import Programs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

URI = "test:///default"


@pytest.mark.parametrize(("uid", "uri"), [(0, "qemu:///system"), (1000, "qemu:///session")])
def test_a_users_machines_are_his_own(monkeypatch: pytest.MonkeyPatch, uid: int, uri: str) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)

    assert default_uri() == uri


def test_a_call_hands_back_its_answer() -> None:
    with connected(URI) as connection:
        assert connection.uri == URI
        assert connection.call("asking its name", connection.raw.getURI) == URI


def test_a_connection_is_closed_with_its_block() -> None:
    with connected(URI) as connection:
        raw = connection.raw

    with pytest.raises(libvirt.libvirtError, match="invalid connection"):
        raw.getURI()


def test_a_connection_is_closed_after_an_exception() -> None:
    opened: list[Connection] = []

    def fail() -> NoReturn:
        with connected(URI) as connection:
            opened.append(connection)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    raw = opened[0].raw
    with pytest.raises(libvirt.libvirtError, match="invalid connection"):
        raw.getURI()


def test_a_connection_that_is_gone_already_can_be_closed() -> None:
    with connected(URI) as connection:
        connection.raw.close()


def test_an_error_is_raised_and_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with connected(URI) as connection, pytest.raises(libvirt.libvirtError, match="not found"):
        connection.call("looking", lambda: connection.raw.lookupByName("nobody"))

    assert capfd.readouterr().err == ""


def test_a_libvirt_that_cannot_be_reached_is_the_hosts_fault() -> None:
    with pytest.raises(HostError, match="libvirt at none:///x cannot be reached: ") as caught:
        connected("none:///x").__enter__()

    assert "systemctl start libvirtd" in caught.value.remedy


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """Something that does not happen while the test lasts."""
    event = threading.Event()
    yield event
    event.set()


def test_who_does_not_answer_is_given_up_on(never: threading.Event) -> None:
    with pytest.raises(ProvisionError) as caught:
        within(0.01, "opening qemu:///system", never.wait)

    problem = "opening qemu:///system: libvirt did not answer within 0.01 s"
    assert caught.value.problem == problem


def test_a_call_that_hangs_says_what_and_where(never: threading.Event) -> None:
    with connected(URI) as connection, pytest.raises(ProvisionError) as caught:
        connection.call("ending node-1", never.wait, timeout_s=0.01)

    assert caught.value.problem.startswith(f"ending node-1 at {URI}: libvirt did not answer")


def test_a_call_that_hangs_does_not_keep_the_process_from_ending(never: threading.Event) -> None:
    with pytest.raises(ProvisionError):
        within(0.01, "hanging", never.wait)

    (thread,) = (each for each in threading.enumerate() if each.name == "libvirt: hanging")
    assert thread.daemon


def test_who_answers_in_time_is_heard() -> None:
    assert within(10, "adding", lambda: 1 + 1) == 2


@pytest.mark.parametrize("error", [ValueError("wrong"), SystemExit(3)])
def test_what_goes_wrong_in_a_call_goes_wrong_for_its_caller(error: BaseException) -> None:
    def action() -> NoReturn:
        raise error

    with pytest.raises(type(error)) as caught:
        within(10, "failing", action)

    assert caught.value is error


@pytest.fixture
def daemons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """A machine without an init system, on which nobody listens yet."""
    monkeypatch.setattr(module, "KVM", tmp_path / "kvm")
    monkeypatch.setattr(module, "SYSTEMD_MARK", tmp_path / "systemd")
    monkeypatch.setattr(module, "DAEMON_SOCKETS", {"libvirtd": tmp_path / "sock"})
    monkeypatch.setattr(module, "DAEMON_TIMEOUT_S", 0.1)
    return Programs.first_on_path(tmp_path / "bin", monkeypatch)


def test_a_daemon_that_listens_is_left_alone(daemons: Programs, tmp_path: Path) -> None:
    daemons.add("libvirtd", "exit 1")

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "sock"))
        listener.listen()
        module._start_daemons()

    assert daemons.calls("libvirtd") == []


def test_a_daemon_is_started_and_waited_for(
    daemons: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemons.add("libvirtd", "exit 0")
    listener = socket.socket(socket.AF_UNIX)

    def run_and_listen(argv: list[str], *, timeout_s: float) -> None:
        command.run(argv, timeout_s=100 * timeout_s)
        listener.bind(str(tmp_path / "sock"))
        listener.listen()

    monkeypatch.setattr(module, "run", run_and_listen)

    with listener:
        module._start_daemons()

    assert daemons.calls("libvirtd") == ["--daemon --timeout 300"]


def test_a_daemon_that_does_not_start_is_said(
    daemons: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DAEMON_TIMEOUT_S", 10)
    daemons.add("libvirtd", "echo 'no such group' >&2; exit 6")

    with pytest.raises(CommandError, match="libvirtd exited with status 6"):
        module._start_daemons()


def test_a_daemon_that_starts_and_never_listens_is_said(
    daemons: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemons.add("libvirtd", "exit 0")
    monkeypatch.setattr(module, "run", lambda *_, **__: None)

    with pytest.raises(NotReadyError) as caught:
        module._start_daemons()

    assert f"nobody listens on {tmp_path / 'sock'}" in caught.value.problem


@pytest.mark.parametrize(
    ("uri", "has_systemd", "starts"),
    [("qemu:///system", False, True), ("qemu:///system", True, False), (URI, False, False)],
)
def test_daemons_are_started_for_the_system_where_no_init_system_does(
    daemons: Programs, monkeypatch: pytest.MonkeyPatch, *, uri: str, has_systemd: bool, starts: bool
) -> None:
    started: list[str] = []
    monkeypatch.setattr(module, "_start_daemons", lambda: started.append("all"))
    monkeypatch.setattr(libvirt, "open", lambda _uri, real=libvirt.open: real(URI))
    if has_systemd:
        module.SYSTEMD_MARK.mkdir()

    with connected(uri) as connection:
        assert connection.uri == uri

    assert started == ["all"] * starts
    assert daemons.calls("libvirtd") == []


Owner = tuple[object, int, int]


@pytest.fixture
def owners(daemons: Programs, monkeypatch: pytest.MonkeyPatch) -> list[Owner]:
    """What would have been handed to whom; the group kvm has number 4242."""
    changed: list[Owner] = []
    group = grp.struct_group(("kvm", "x", 4242, []))
    monkeypatch.setattr(grp, "getgrnam", lambda name: {"kvm": group}[name])
    monkeypatch.setattr(os, "chown", lambda *owner: changed.append(owner))
    assert daemons.folder.exists()
    return changed


def test_kvm_is_given_its_group_where_no_udev_does(owners: list[Owner]) -> None:
    module.KVM.touch(mode=0o600)

    module._give_kvm_its_group()

    assert owners == [(module.KVM, -1, 4242)]
    assert module.KVM.stat().st_mode & 0o777 == 0o660


def test_a_kvm_of_the_right_group_is_left_alone(
    owners: list[Owner], monkeypatch: pytest.MonkeyPatch
) -> None:
    module.KVM.touch(mode=0o600)
    mine = grp.struct_group(("kvm", "x", module.KVM.stat().st_gid, []))
    monkeypatch.setattr(grp, "getgrnam", lambda _name: mine)

    module._give_kvm_its_group()

    assert owners == []
    assert module.KVM.stat().st_mode & 0o777 == 0o600


def test_a_machine_without_kvm_has_nothing_to_give(owners: list[Owner]) -> None:
    module._give_kvm_its_group()

    assert owners == []


def test_a_machine_without_the_group_keeps_kvm_as_it_is(
    owners: list[Owner], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(name: str) -> NoReturn:
        raise KeyError(f"getgrnam(): name not found: {name!r}")

    module.KVM.touch()
    monkeypatch.setattr(grp, "getgrnam", nobody)

    module._give_kvm_its_group()

    assert owners == []
