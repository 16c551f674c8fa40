"""What only two nodes can show: pods of one and the other, and Calico's tunnel between them."""

from __future__ import annotations

import json
from contextlib import contextmanager
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest

from lab.network.pod import SANDBOXES
from lab.tools import tcpdump
from lab.tools.tcpdump import Tunnelled
from lab.wires import BRIDGE
from scenarios.cluster.conftest import need_calico, need_two_nodes
from scenarios.pings import INITIAL_TTL, pinged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.bench import Bench
    from lab.node import Node
    from lab.runtime.sandbox import Sandbox

CAPTURE = f"{SANDBOXES}/wire.pcap"
TUNNEL = "tunl0"
HOPS_BETWEEN_PODS = 2
"""Both nodes route; the tunnel between them is no hop to what is inside."""
TIMEOUT_S = 60.0


@pytest.fixture(scope="session")
def far_node(bench: Bench) -> Node:
    """The other node, where the control plane is."""
    need_two_nodes(bench)
    need_calico(bench)
    return bench.setting.control_plane


@pytest.fixture(scope="session")
def ends(bench: Bench, far_node: Node) -> tuple[IPv4Address, IPv4Address]:
    """The addresses of this node and of the other on the network between them."""
    assert far_node.name == bench.setting.topology.control_plane.name
    near, far = bench.setting.topology.node, bench.setting.topology.control_plane
    return IPv4Address(near.address or ""), IPv4Address(far.address or "")


def test_guest_reaches_pod_of_another_node(sandbox: Sandbox, far_peer: Sandbox) -> None:
    """It answers, two hops away."""
    report = pinged(sandbox, far_peer.address)
    assert report.all_answered
    assert report.ttls == (INITIAL_TTL - HOPS_BETWEEN_PODS - sandbox.expected.hops_to_node,)


def test_pod_of_another_node_reaches_guest(sandbox: Sandbox, far_peer: Sandbox) -> None:
    """And the other way round."""
    report = pinged(far_peer, sandbox.address)
    assert report.all_answered
    assert report.ttls == (INITIAL_TTL - HOPS_BETWEEN_PODS - sandbox.expected.hops_to_node,)


def test_another_node_reaches_guest(sandbox: Sandbox, far_node: Node) -> None:
    """The other node itself, one hop nearer than its pods."""
    report = pinged(far_node, sandbox.address)
    assert report.all_answered
    assert report.ttls == (INITIAL_TTL - 1 - sandbox.expected.hops_to_node,)


def test_guest_reaches_another_node(
    sandbox: Sandbox, ends: tuple[IPv4Address, IPv4Address]
) -> None:
    """By its address outside of the pods' network."""
    report = pinged(sandbox, str(ends[1]))
    assert report.all_answered
    assert report.ttls == (INITIAL_TTL - 1 - sandbox.expected.hops_to_node,)


def test_path_mtu_is_exact_between_nodes(sandbox: Sandbox, far_peer: Sandbox) -> None:
    """What the pods' MTU allows passes the tunnel whole, both ways; one byte more is refused."""
    mtu_bytes = sandbox.pod.mtu_bytes
    for sender, other in ((sandbox, far_peer), (far_peer, sandbox)):
        assert pinged(sender, other.address, packet_bytes=mtu_bytes).all_answered
        assert pinged(sender, other.address, packet_bytes=mtu_bytes + 1).is_too_long


def test_packets_between_nodes_are_in_packets_of_the_nodes(
    sandbox: Sandbox, far_peer: Sandbox, node: Node, ends: tuple[IPv4Address, IPv4Address]
) -> None:
    """IPIP on the wire: request and answer, from node to node."""
    near, far = ends
    guest, other = IPv4Address(sandbox.address), IPv4Address(far_peer.address)
    with _wire(node) as seen:
        assert pinged(sandbox, far_peer.address).all_answered
    assert Tunnelled(near=near, far=far, source=guest, target=other) in seen
    assert Tunnelled(near=far, far=near, source=other, target=guest) in seen


def test_pods_of_one_node_need_no_tunnel(
    sandbox: Sandbox,
    peer: Sandbox,
    node: Node,
    far_node: Node,  # noqa: ARG001 - a wire to look at
) -> None:
    """What stays on the node is not on the wire."""
    guest = IPv4Address(sandbox.address)
    with _wire(node) as seen:
        assert pinged(sandbox, peer.address).all_answered
    assert not [packet for packet in seen if guest in (packet.source, packet.target)]


def test_route_to_pods_of_another_node_is_the_tunnel(
    sandbox: Sandbox,  # noqa: ARG001 - a boot to record
    far_peer: Sandbox,
    node: Node,
    ends: tuple[IPv4Address, IPv4Address],
) -> None:
    """By the other node, into the tunnel's device; whoever put it there, BIRD or Felix."""
    argv = ["ip", "-j", "route", "get", far_peer.address]
    (route,) = json.loads(node.run(argv, timeout_s=TIMEOUT_S).stdout)
    assert (route["dev"], route["gateway"]) == (TUNNEL, str(ends[1]))


@contextmanager
def _wire(node: Node) -> Iterator[list[Tunnelled]]:
    """Look at what passes between the nodes in the block; the list is filled at its end."""
    seen: list[Tunnelled] = []
    node.script(f"rm -f {CAPTURE}\n", timeout_s=TIMEOUT_S)
    with node.background(tcpdump.capture(BRIDGE, CAPTURE)):
        node.script(tcpdump.ready_script(CAPTURE), timeout_s=TIMEOUT_S)
        yield seen
        shown = node.run(
            ["sh", "-s"], timeout_s=TIMEOUT_S, check=False, stdin=tcpdump.show_script(CAPTURE)
        )
    seen += tcpdump.parse(shown.stdout, stderr=shown.stderr)
