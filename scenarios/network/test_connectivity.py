"""Packets arrive, unchanged and over the expected way: in each direction, to each neighbour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.network.pod import GATEWAY, INTERFACE
from scenarios.pings import INITIAL_TTL, pinged

if TYPE_CHECKING:
    from lab.node import Node
    from lab.runtime.sandbox import Sandbox

TIMEOUT_S = 30.0


def test_guest_reaches_node(sandbox: Sandbox, node: Node) -> None:
    """The node's own address answers; each hop on the way back lowered the TTL by one."""
    report = pinged(sandbox, node.address)
    assert report.all_answered
    assert report.ttls == (INITIAL_TTL - sandbox.expected.hops_to_node,)


def test_node_reaches_guest(sandbox: Sandbox, node: Node) -> None:
    """The guest answers, over as many hops."""
    report = pinged(node, sandbox.address)
    assert report.all_answered
    assert report.ttls == (INITIAL_TTL - sandbox.expected.hops_to_node,)


def test_guest_reaches_second_sandbox(sandbox: Sandbox, peer: Sandbox) -> None:
    """Another pod of the node answers: the node itself is one more hop."""
    report = pinged(sandbox, peer.address)
    assert report.all_answered
    assert report.ttls == (INITIAL_TTL - 1 - sandbox.expected.hops_to_node,)


def test_second_sandbox_reaches_guest(sandbox: Sandbox, peer: Sandbox) -> None:
    """And the other way round."""
    report = pinged(peer, sandbox.address)
    assert report.all_answered
    assert report.ttls == (INITIAL_TTL - 1 - sandbox.expected.hops_to_node,)


def test_gateway_answers_arp(sandbox: Sandbox) -> None:
    """Somebody answers for the gateway, which is on no interface: proxy ARP works."""
    argv = ["arping", "-c", "1", "-w", "5", "-I", INTERFACE, str(GATEWAY)]
    done = sandbox.run(argv, timeout_s=TIMEOUT_S, check=False)
    assert "Received 1 response(s)" in done.stdout


def test_path_mtu_is_exact_from_guest(sandbox: Sandbox, node: Node) -> None:
    """The largest packet passes whole; one byte more is refused."""
    _assert_mtu(sandbox, node.address, mtu_bytes=sandbox.pod.mtu_bytes)


def test_path_mtu_is_exact_to_guest(sandbox: Sandbox, node: Node) -> None:
    """The same from the node's side."""
    _assert_mtu(node, sandbox.address, mtu_bytes=sandbox.pod.mtu_bytes)


def _assert_mtu(sender: Sandbox | Node, address: str, *, mtu_bytes: int) -> None:
    assert pinged(sender, address, packet_bytes=mtu_bytes).all_answered
    assert pinged(sender, address, packet_bytes=mtu_bytes + 1).is_too_long
