from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lab.doctor import virt
from lab.doctor.finding import Finding, State
from lab.virt import connection
from lab.virt.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest


def only() -> Finding:
    (finding,) = virt.findings()
    return finding


def test_libvirt_is_asked_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    class Raw:
        def getLibVersion(self) -> int:  # noqa: N802 - libvirt's name
            return 9_000_001

    @contextmanager
    def answering(uri: str) -> Iterator[Connection]:
        yield Connection(uri, Raw())

    monkeypatch.setattr(connection, "default_uri", lambda: "test:///default")
    monkeypatch.setattr(connection, "connected", answering)

    assert only().fact == "test:///default answers, version 9.0.1"
    assert only().state is State.GOOD


def test_a_libvirt_that_does_not_answer_is_a_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "default_uri", lambda: "none:///x")

    finding = only()

    assert finding.state is State.LACK
    assert finding.fact.startswith("libvirt at none:///x cannot be reached")
    assert "systemctl start libvirtd" in finding.mend


def test_a_python_without_libvirt_is_a_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lab.virt.connection", None)

    assert only().state is State.LACK
    assert only().mend
