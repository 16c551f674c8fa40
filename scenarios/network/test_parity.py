"""The guest has what the CNI plugin gave the pod, and each model leaves the state it should."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from lab.network.pod import INTERFACE, Route

if TYPE_CHECKING:
    from lab.node import Node
    from lab.runtime.sandbox import Sandbox

ADDRESS_FILE = f"/sys/class/net/{INTERFACE}/address"
MTU_FILE = f"/sys/class/net/{INTERFACE}/mtu"
ADDRESSES = f"ip -4 -j address show dev {INTERFACE}"


def test_mac_is_the_pods(sandbox: Sandbox) -> None:
    """The guest's MAC is the one in the CNI result."""
    assert sandbox.guest.file(ADDRESS_FILE).content_string.strip() == sandbox.pod.mac


def test_address_and_mask_are_the_pods(sandbox: Sandbox) -> None:
    """The guest has the pod's address, with its mask, and no other."""
    (interface,) = json.loads(sandbox.guest.check_output(ADDRESSES))
    found = [f"{item['local']}/{item['prefixlen']}" for item in interface["addr_info"]]
    assert found == [str(sandbox.pod.address)]


def test_mtu_is_the_pods(sandbox: Sandbox) -> None:
    """The guest's MTU is the veth's."""
    assert int(sandbox.guest.file(MTU_FILE).content_string) == sandbox.pod.mtu_bytes


def test_routes_are_the_pods(sandbox: Sandbox) -> None:
    """The guest has the routes of the CNI result, and no others."""
    found = {_route(item) for item in sandbox.guest.interface(INTERFACE).routes()}
    assert found == set(sandbox.pod.routes)


def test_namespace_is_as_the_model_leaves_it(sandbox: Sandbox, node: Node) -> None:
    """The pod's own eth0 keeps its address and MAC, loses them, or is not there at all."""
    inside = f"ip netns exec {sandbox.pod.namespace}"
    link = node.host.run(f"{inside} ip -j link show dev {INTERFACE}")
    assert link.succeeded is sandbox.expected.has_pod_interface
    if sandbox.expected.has_pod_interface:
        (interface,) = json.loads(link.stdout)
        found = json.loads(node.host.check_output(f"{inside} {ADDRESSES}"))
        keeps_address = any(item.get("addr_info") for item in found)
        assert keeps_address is sandbox.expected.namespace_keeps_address
        keeps_mac = interface["address"] == sandbox.pod.mac
        assert keeps_mac is sandbox.expected.namespace_keeps_mac


def _route(item: dict[str, str]) -> Route:
    to = "0.0.0.0/0" if item["dst"] == "default" else item["dst"]
    via = item.get("gateway")
    return Route(to=IPv4Network(to), via=IPv4Address(via) if via else None)
