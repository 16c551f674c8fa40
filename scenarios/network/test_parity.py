"""The guest has what the CNI plugin gave the pod, and each model leaves the state it should."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

import pytest

from lab.network.pod import INTERFACE, Route

if TYPE_CHECKING:
    from lab.node import Node
    from lab.runtime.sandbox import Sandbox

ADDRESSES = f"ip -j address show dev {INTERFACE}"
ROUTES = f"ip -4 -j route show dev {INTERFACE}"


@pytest.fixture(scope="session")
def interface(sandbox: Sandbox) -> dict[str, Any]:
    """What the guest itself says of its interface."""
    (found,) = json.loads(sandbox.guest.check_output(ADDRESSES))
    answer: dict[str, Any] = found
    return answer


def test_mac_is_the_pods(interface: dict[str, Any], sandbox: Sandbox) -> None:
    """The guest's MAC is the one in the CNI result."""
    assert interface["address"] == sandbox.pod.mac


def test_address_and_mask_are_the_pods(interface: dict[str, Any], sandbox: Sandbox) -> None:
    """The guest has the pod's address, with its mask, and no other."""
    found = [
        f"{item['local']}/{item['prefixlen']}"
        for item in interface["addr_info"]
        if item["family"] == "inet"
    ]
    assert found == [str(sandbox.pod.address)]


def test_mtu_is_the_pods(interface: dict[str, Any], sandbox: Sandbox) -> None:
    """The guest's MTU is the veth's."""
    assert interface["mtu"] == sandbox.pod.mtu_bytes


def test_routes_are_the_pods(sandbox: Sandbox) -> None:
    """The guest has the routes of the CNI result, and no others."""
    found = {_route(item) for item in json.loads(sandbox.guest.check_output(ROUTES))}
    assert found == set(sandbox.pod.routes)


def test_namespace_is_as_the_model_leaves_it(sandbox: Sandbox, node: Node) -> None:
    """The pod's own eth0 keeps its address and MAC, loses them, or is not there at all."""
    inside = f"ip netns exec {sandbox.pod.namespace}"
    shown = node.host.run(f"{inside} {ADDRESSES}")
    assert shown.succeeded is sandbox.expected.has_pod_interface
    if sandbox.expected.has_pod_interface:
        (found,) = json.loads(shown.stdout)
        has_address = any(item["family"] == "inet" for item in found["addr_info"])
        assert has_address is sandbox.expected.namespace_keeps_address
        has_mac = found["address"] == sandbox.pod.mac
        assert has_mac is sandbox.expected.namespace_keeps_mac


def _route(item: dict[str, str]) -> Route:
    to = "0.0.0.0/0" if item["dst"] == "default" else item["dst"]
    via = item.get("gateway")
    return Route(to=IPv4Network(to), via=IPv4Address(via) if via else None)
