"""A pod's network as the CNI plugin made it: the truth that parity is checked against."""

from __future__ import annotations

import json
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from lab.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """A route inside the pod: to a network, by a gateway or, without one, on the link."""

    to: IPv4Network
    via: IPv4Address | None


MTU_BYTES = 1440
"""Calico's choice for IPIP on a 1460-byte network, as in the pods this lab began with."""
GATEWAY = IPv4Address("169.254.1.1")
"""Calico's: link-local, on no interface; the node answers for it by proxy ARP."""
INTERFACE = "eth0"
TAP = "tap0_kata"
"""Kata's name for the first tap of a pod (virtcontainers/network.go)."""
SANDBOXES = "/run/kata-lab"
DEFAULT_ROUTE = IPv4Network("0.0.0.0/0")
CALICO_ROUTES = (
    Route(to=IPv4Network(GATEWAY), via=None),
    Route(to=DEFAULT_ROUTE, via=GATEWAY),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod's network namespace and what its interface was given."""

    namespace: str
    """Its name under /run/netns on the node; the sandbox's own name."""
    mac: str
    address: IPv4Interface
    mtu_bytes: int
    routes: tuple[Route, ...]
    """What the guest is to have, in the order in which it can be added."""

    @property
    def folder(self) -> str:
        """The sandbox's own folder on the node."""
        return f"{SANDBOXES}/{self.namespace}"


def namespace_of(result: str) -> str:
    """
    The name of the pod's namespace, as the result of a CNI ADD has it.

    Raises:
        SandboxError: if the plugin failed, with its words, or named none.
    """
    for interface in _read(result).get("interfaces", []):
        if path := interface.get("sandbox"):
            return PurePosixPath(path).name
    raise _failed(f"its result names no namespace: {result.strip()}")


def pod_of(namespace: str, result: str) -> Pod:
    """
    Read the result of a CNI ADD (CNI specification 1.0, "Success" result type).

    Raises:
        SandboxError: if the plugin failed, with its words, or named no interface in the pod.
    """
    answer = _read(result)
    interfaces = enumerate(answer.get("interfaces", []))
    inside = {index: item for index, item in interfaces if item.get("sandbox")}
    addresses = [ip for ip in answer.get("ips", []) if ip.get("interface") in inside]
    if not addresses:
        raise _failed(f"its result names no address in the pod: {result.strip()}")
    interface = inside[addresses[0]["interface"]]
    return Pod(
        namespace=namespace,
        mac=interface["mac"],
        address=IPv4Interface(addresses[0]["address"]),
        mtu_bytes=interface["mtu"],
        routes=tuple(sorted(_routes(answer), key=lambda route: route.via is not None)),
    )


def _read(result: str) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(result)
    except json.JSONDecodeError:
        raise _failed(result.strip() or "it said nothing") from None
    if "code" in answer:
        raise _failed(f"{answer.get('msg')} {answer.get('details', '')}".strip())
    return answer


def _routes(answer: dict[str, Any]) -> Iterator[Route]:
    for item in answer.get("routes", []):
        gateway = item.get("gw")
        yield Route(to=IPv4Network(item["dst"]), via=IPv4Address(gateway) if gateway else None)


def _failed(words: str) -> SandboxError:
    return SandboxError(
        f"the CNI plugin made no network: {words}",
        remedy="run the plugin by hand on the node: `lab shell NODE`",
    )
