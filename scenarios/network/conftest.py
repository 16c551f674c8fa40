"""The other end of the measurements: servers on the node, one of each for a boot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.server import Server
from lab.tools import iperf3, sockperf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.node import Node
    from lab.runtime.sandbox import Sandbox


@pytest.fixture(scope="session")
def iperf3_server(sandbox: Sandbox, node: Node) -> Iterator[Server]:  # noqa: ARG001 - anew each boot
    """An iperf3 server on the node, for the clients in this boot's sandbox."""
    with Server(node, iperf3.server(node.address), port=iperf3.PORT) as server:
        yield server


@pytest.fixture(scope="session")
def sockperf_server(sandbox: Sandbox, node: Node) -> Iterator[Server]:  # noqa: ARG001 - anew each boot
    """A sockperf server on the node, for the clients in this boot's sandbox."""
    with Server(node, sockperf.server(), port=sockperf.PORT) as server:
        yield server
