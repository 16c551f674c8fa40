"""Servers on the node: one that has ended blames no cell, and is started anew."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import pytest

from lab import server as servers
from lab.errors import ProvisionError, ToolOutputError
from lab.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lab.node import Node

PORT = 5201
REFUSED = ToolOutputError("unable to connect to server", remedy="none")


class OneNode:
    """A node whose background programs are processes of this machine."""

    name, address = "node-1", "198.18.0.1"

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[str]] = []

    @contextmanager
    def background(
        self, argv: Sequence[str], *, listening: int | None = None
    ) -> Iterator[Callable[[], bool]]:
        assert listening == PORT
        with subprocess.Popen(argv, text=True) as process:
            self.started.append(process)
            try:
                yield lambda: process.poll() is None
            finally:
                process.kill()


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> OneNode:
    monkeypatch.setattr(servers, "GRACE_S", 0.05)
    return OneNode()


def served(node: OneNode) -> Server:
    return Server(cast("Node", node), ["sleep", "60"], port=PORT)


def test_a_server_is_up_for_as_long_as_the_block(node: OneNode) -> None:
    with served(node) as server:
        for _ in range(2):
            with server.serving():
                assert server.address == node.address
        (process,) = node.started
        assert process.poll() is None

    assert process.poll() is not None


def test_a_client_that_fails_beside_a_server_that_is_well_has_failed_itself(node: OneNode) -> None:
    with served(node) as server, pytest.raises(ToolOutputError), server.serving():
        raise REFUSED


def test_a_client_that_fails_with_its_server_is_not_to_blame(node: OneNode) -> None:
    def lose() -> None:
        node.started[0].kill()
        raise REFUSED

    told = "sleep, which serves port 5201 of node-1, ended"
    with served(node) as server, pytest.raises(ProvisionError, match=told), server.serving():
        lose()


def test_a_server_that_has_ended_is_started_anew(node: OneNode) -> None:
    with served(node) as server:
        node.started[0].kill()
        node.started[0].wait()

        with server.serving():
            assert [each.poll() is None for each in node.started] == [False, True]
