"""A connection, on libvirt's own test driver: no daemon, no machine."""

from __future__ import annotations

import os
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, NoReturn

import libvirt
import pytest

from lab.errors import HostError, ProvisionError
from lab.virt import daemons
from lab.virt.connection import Connection, connected, default_uri, within

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


@pytest.mark.parametrize(
    ("uri", "has_systemd", "starts"),
    [("qemu:///system", False, True), ("qemu:///system", True, False), (URI, False, False)],
)
def test_daemons_are_started_for_the_system_where_no_init_system_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, uri: str, has_systemd: bool, starts: bool
) -> None:
    started: list[str] = []
    monkeypatch.setattr(daemons, "SYSTEMD_MARK", tmp_path / "systemd")
    monkeypatch.setattr(daemons, "start", lambda: started.append("all"))
    monkeypatch.setattr(libvirt, "open", lambda _uri, real=libvirt.open: real(URI))
    if has_systemd:
        daemons.SYSTEMD_MARK.mkdir()

    with connected(uri) as connection:
        assert connection.uri == uri

    assert started == ["all"] * starts


def test_a_daemon_that_hangs_is_told_of_once(
    never: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it does not let go of us either says no more, and must not hide what went wrong."""
    monkeypatch.setattr("lab.virt.connection.CLOSE_TIMEOUT_S", 0.01)
    hangs = SimpleNamespace(close=never.wait)
    monkeypatch.setattr(libvirt, "open", lambda _uri: hangs)

    with pytest.raises(ProvisionError, match="ending node-1"), connected(URI) as connection:
        connection.call("ending node-1", never.wait, timeout_s=0.01)
