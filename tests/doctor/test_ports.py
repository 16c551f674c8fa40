from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from lab.doctor import ports
from lab.doctor.finding import State
from lab.loader import load_topology
from lab.places import TOPOLOGIES
from lab.wires import PORTS_A_WIRE

if TYPE_CHECKING:
    from typing import NoReturn

    import pytest


def test_the_loopback_gives_ports() -> None:
    (only,) = ports.findings()

    assert only.state is State.GOOD
    assert only.fact.startswith("127.0.0.1 gives 16 TCP and 16 UDP ports from ")


def test_more_are_tried_than_a_topology_takes() -> None:
    for path in TOPOLOGIES.glob("*.toml"):
        topology = load_topology(path.stem)
        assert len(topology.nodes) <= ports.TRIED
        assert PORTS_A_WIRE * len(topology.workers) <= ports.TRIED


def test_ports_that_are_all_taken_are_a_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(socket.socket):
        def bind(self, _address: object) -> NoReturn:
            raise OSError(98, "Address already in use")

    monkeypatch.setattr(socket, "socket", Full)

    (only,) = ports.findings()

    assert only.state is State.LACK
    assert only.fact == "127.0.0.1 gives no 16 TCP ports: Address already in use"
    assert "ip_local_port_range" in only.mend
