"""The node's end of a pod's network: as Calico makes it, for every runtime alike."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lab.network.pod import MTU_BYTES
from scenarios.cluster.conftest import need_calico

if TYPE_CHECKING:
    from lab.bench import Bench
    from lab.node import Node
    from lab.runtime.sandbox import Sandbox

NODE_MAC = "ee:ee:ee:ee:ee:ee"
TUNNEL = "tunl0"
TIMEOUT_S = 60.0


@pytest.fixture
def route(sandbox: Sandbox, node: Node) -> dict[str, Any]:
    """The node's route to the pod's address, and to nothing else."""
    # Calico's plugin makes one, and Felix, which has a metric for its own, another (Calico 3.33).
    found = _ask(node, "ip", "-j", "route", "show", f"{sandbox.address}/32")
    assert len({each["dev"] for each in found}) == 1, found
    return found[0]


@pytest.fixture
def calico(bench: Bench, node: Node) -> Node:
    """A node that Calico itself is on."""
    need_calico(bench)
    return node


def test_route_leads_to_one_pod(route: dict[str, Any]) -> None:
    """A /32 on the link, through a device of its own."""
    assert route["dev"].startswith("cali")
    assert route["scope"] == "link"
    assert "gateway" not in route


def test_veth_has_calicos_mac_and_no_address(route: dict[str, Any], node: Node) -> None:
    """The same MAC at each pod, and the pod's MTU; the gateway is no address of the node."""
    (link,) = _ask(node, "ip", "-j", "-d", "address", "show", "dev", route["dev"])
    assert link["linkinfo"]["info_kind"] == "veth"
    assert link["address"] == NODE_MAC
    assert link["mtu"] == MTU_BYTES
    assert not [each for each in link["addr_info"] if each["family"] == "inet"]


def test_node_answers_for_the_gateway_at_once(route: dict[str, Any], node: Node) -> None:
    """By proxy ARP, and without the delay that the kernel makes by itself."""
    settings = {"conf": "proxy_arp", "neigh": "proxy_delay"}
    files = [f"/proc/sys/net/ipv4/{a}/{route['dev']}/{b}" for a, b in settings.items()]
    assert node.run(["cat", *files], timeout_s=TIMEOUT_S).stdout.split() == ["1", "0"]


def test_tunnel_is_up(calico: Node, sandbox: Sandbox) -> None:  # noqa: ARG001 - a boot to record
    """The node's own end of IPIP has an address of the node's block."""
    (link,) = _ask(calico, "ip", "-j", "-d", "address", "show", "dev", TUNNEL)
    assert link["linkinfo"]["info_kind"] == "ipip"
    assert "UP" in link["flags"]
    assert [each["prefixlen"] for each in link["addr_info"] if each["family"] == "inet"] == [32]


def test_block_of_the_node_is_a_route(calico: Node, sandbox: Sandbox) -> None:  # noqa: ARG001
    """What is in the node's block and is no pod goes nowhere."""
    blocks = _ask(calico, "ip", "-j", "route", "show", "type", "blackhole")
    assert [block["dst"] for block in blocks if block["dst"].endswith("/26")]


def _ask(node: Node, *argv: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(node.run(argv, timeout_s=TIMEOUT_S).stdout)
    return found
