"""A pod's network as the CNI plugin made it: the truth that parity is checked against."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from lab import names
from lab.decode import DecodeError, json_as, quoted
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

    def __post_init__(self) -> None:
        # Both become part of shell lines, wherever they were read.
        names.word(self.namespace)
        names.mac(self.mac)

    @property
    def folder(self) -> str:
        """The sandbox's own folder on the node."""
        return f"{SANDBOXES}/{self.namespace}"


class _Interface(msgspec.Struct):
    """An interface that a plugin has made; without a *sandbox* it is the node's."""

    sandbox: str = ""
    mac: str = ""
    mtu: int = 0


class _Address(msgspec.Struct):
    """An address, and which of the interfaces has it."""

    address: str = ""
    interface: int | None = None


class _Route(msgspec.Struct):
    dst: str = ""
    gw: str | None = None


class _Result(msgspec.Struct):
    """What a plugin says of an ADD: the network it has made, or, with a code, why not."""

    code: int | None = None
    msg: str = ""
    details: str = ""
    interfaces: list[_Interface] = []
    ips: list[_Address] = []
    routes: list[_Route] = []


def namespace_of(result: str) -> str:
    """
    The name of the pod's namespace, as the result of a CNI ADD has it.

    Raises:
        SandboxError: if the plugin failed, with its words, or named none.
    """
    for interface in _read(result).interfaces:
        if interface.sandbox:
            return _checked_namespace(interface.sandbox)
    raise _failed(f"its result names no namespace: {quoted(result)}")


def pod_of(namespace: str, result: str) -> Pod:
    """
    Read the result of a CNI ADD (CNI specification 1.0, "Success" result type).

    Raises:
        SandboxError: if the plugin failed, with its words, or named no interface in the pod.
    """
    answer = _read(result)
    inside = {index: one for index, one in enumerate(answer.interfaces) if one.sandbox}
    for found in answer.ips:
        if interface := inside.get(-1 if found.interface is None else found.interface):
            try:
                return Pod(
                    namespace=namespace,
                    mac=interface.mac,
                    address=IPv4Interface(found.address),
                    mtu_bytes=interface.mtu,
                    routes=tuple(sorted(_routes(answer), key=lambda route: route.via is not None)),
                )
            except ValueError as error:
                raise _failed(f"its result cannot be: {error}") from error
    raise _failed(f"its result names no address in the pod: {quoted(result)}")


def _read(result: str) -> _Result:
    try:
        answer = json_as(result, _Result)
    except DecodeError:
        raise _failed(quoted(result) or "it said nothing") from None
    if answer.code is not None:
        raise _failed(f"{answer.msg} {answer.details}".strip())
    return answer


def _checked_namespace(path: str) -> str:
    try:
        return names.word(PurePosixPath(path).name)
    except ValueError as error:
        raise _failed(f"its result names no namespace: {error}") from error


def _routes(answer: _Result) -> Iterator[Route]:
    for route in answer.routes:
        yield Route(to=IPv4Network(route.dst), via=IPv4Address(route.gw) if route.gw else None)


def _failed(words: str) -> SandboxError:
    return SandboxError(
        f"the CNI plugin made no network: {words}",
        remedy="run the plugin by hand on the node: `lab shell NODE`",
    )
