"""What a module of an internetworking model offers, and what several of them share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec

from lab.decode import DecodeError, json_as
from lab.network.pod import INTERFACE, TAP
from lab.outcome import Fact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.network.pod import Pod

T = TypeVar("T")

NETDEV = "tap,id=network-0,vhost=on"
"""Kata's: vhost-net is on by default (configuration-qemu.toml, disable_vhost_net)."""
TAP_FD = 3
LINKS = "ip -j -d link"
ADDRESSES = "ip -j address"
QDISCS = "tc -j qdisc"
LOOPBACK = "lo"
"""Every namespace has it: an answer without it is none."""
NO_ANSWER = "no answer"
REDIRECTS = ((INTERFACE, TAP), (TAP, INTERFACE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is expected of a model, as data."""

    namespace_keeps_address: bool
    """Whether eth0 in the pod's namespace still has the pod's address."""
    namespace_keeps_mac: bool
    hops_to_node: int
    """How often a packet's TTL is lowered before the node's own stack has it."""
    has_pod_interface: bool = True
    """Whether there is a veth pair at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tap:
    """How QEMU gets hold of the guest's link."""

    netdev: str
    """The value of ``-netdev``."""
    namespace: str | None
    """The namespace QEMU runs in; None is the node's own."""
    redirection: str = ""
    """A shell redirection that hands QEMU an open descriptor."""


class Model(Protocol):
    """An internetworking model."""

    EXPECTED: Expected
    OUTSIDE: tuple[str, ...]
    """Devices that *wire* makes outside the pod's namespace, and that do not go with it."""

    def wire(self, pod: Pod) -> tuple[str, ...]:
        """The shell lines that make the model on the node."""

    def tap(self, pod: Pod) -> Tap:
        """How QEMU opens the link that *wire* made."""

    def questions(self, pod: Pod) -> dict[str, str]:
        """What to ask the node about the model: shell lines, by name."""

    def facts(self, pod: Pod, answers: Mapping[str, str]) -> Iterator[Fact]:
        """What the *answers* prove or refute."""


def namespace_questions(pod: Pod, *, with_filters: bool = False) -> dict[str, str]:
    """The devices, addresses and qdiscs of the pod's namespace, and filters if wanted."""
    inside = f"ip netns exec {pod.namespace}"
    questions = {
        LINKS: f"{inside} {LINKS}",
        ADDRESSES: f"{inside} {ADDRESSES}",
        QDISCS: f"{inside} {QDISCS}",
    }
    if with_filters:
        for device, _ in REDIRECTS:
            questions[filters(device)] = f"{inside} {filters(device)}"
    return questions


def filters(device: str) -> str:
    """The question for the ingress filters of *device*, with counters."""
    return f"tc -s filter show dev {device} ingress"


def add_tap(pod: Pod) -> tuple[str, ...]:
    """The shell lines that make Kata's tap in the pod's namespace, with the veth's MTU."""
    inside = f"ip -n {pod.namespace}"
    return (
        f"{inside} tuntap add dev {TAP} mode tap vnet_hdr",
        f"{inside} link set {TAP} mtu {pod.mtu_bytes} up",
    )


def named_tap(pod: Pod) -> Tap:
    """A tap that QEMU opens by its name, inside the pod's namespace."""
    return Tap(netdev=f"{NETDEV},ifname={TAP},script=no,downscript=no", namespace=pod.namespace)


class _Data(msgspec.Struct, frozen=True):
    """What ``ip -d`` says of a device beside its kind."""

    type: str | None = None
    mode: str | None = None


class _Kind(msgspec.Struct, frozen=True):
    info_kind: str = "absent"
    info_data: _Data = _Data()


class _Address(msgspec.Struct, frozen=True):
    family: str
    local: str = ""
    prefixlen: int = 0


class _Device(msgspec.Struct, frozen=True):
    """A device as ``ip -j link`` or ``ip -j address`` has it."""

    ifname: str = ""
    address: str = "absent"
    mtu: int | None = None
    linkinfo: _Kind = _Kind()
    addr_info: list[_Address] | None = None


class _Qdisc(msgspec.Struct, frozen=True):
    kind: str = ""
    dev: str = ""


NO_DEVICE = _Device()


class Namespace:
    """
    The answers of :func:`namespace_questions`, ready to be asked for facts.

    That something is not there is a fact only where the namespace has answered: what is not
    known of a device proves nothing.
    """

    def __init__(self, pod: Pod, answers: Mapping[str, str], *, links: str = LINKS) -> None:
        self._pod = pod
        self._source = links
        self._links = _by_name(answers[links])
        self._addresses = _by_name(answers[ADDRESSES])
        self._qdiscs = _listed(answers[QDISCS], _Qdisc)

    def kind(self, device: str, expected: str, *, mode: str | None = None) -> Fact:
        """The kind of a device and, for macvtap, its mode."""
        info = self._link(device).linkinfo
        observed = info.info_kind
        wanted = expected if mode is None else f"{expected} mode {mode}"
        if observed == "tun":
            observed = f"tun type {info.info_data.type}"
        if mode is not None:
            observed = f"{observed} mode {info.info_data.mode}"
        return fact(f"kind of {device}", self._source, wanted, observed)

    def mac(self, device: str, *, is_pods: bool) -> Fact:
        """Whether *device* holds the MAC address that the CNI plugin gave the pod."""
        observed = self._link(device).address
        wanted = self._pod.mac if is_pods else f"not {self._pod.mac}"
        return Fact(
            subject=f"MAC of {device}",
            source=self._source,
            expected=wanted,
            observed=observed,
            holds=observed != "absent" and (observed == self._pod.mac) is is_pods,
        )

    def mtu(self, device: str) -> Fact:
        """Whether *device* has the pod's MTU."""
        found = self._link(device).mtu
        observed = "absent" if found is None else str(found)
        return fact(f"MTU of {device}", self._source, str(self._pod.mtu_bytes), observed)

    def address(self, device: str, *, is_kept: bool) -> Fact:
        """Whether *device* has the pod's address, or no IPv4 address at all."""
        found = self._addresses.get(device, NO_DEVICE).addr_info
        observed = NO_ANSWER if found is None else ", ".join(_ipv4(found)) or "none"
        wanted = str(self._pod.address) if is_kept else "none"
        return fact(f"IPv4 address of {device}", ADDRESSES, wanted, observed)

    def devices(self, *expected: str) -> Fact:
        """Whether the namespace has just the *expected* devices, beside the loopback."""
        found = ", ".join(sorted(set(self._links) - {LOOPBACK})) or "none"
        return fact(
            "devices in the pod's namespace",
            self._source,
            ", ".join(sorted(expected)) or "none",
            found if LOOPBACK in self._links else NO_ANSWER,
        )

    def ingress(self, device: str, *, is_there: bool) -> Fact:
        """Whether *device* has an ingress qdisc."""
        kinds = {qdisc.kind for qdisc in self._qdiscs if qdisc.dev == device}
        observed = "present" if "ingress" in kinds else "absent"
        return fact(
            f"ingress qdisc of {device}",
            QDISCS,
            "present" if is_there else "absent",
            observed if kinds else NO_ANSWER,
        )

    def _link(self, device: str) -> _Device:
        return self._links.get(device, NO_DEVICE)


def fact(subject: str, source: str, expected: str, observed: str) -> Fact:
    """A fact that holds if what was observed is just what was expected."""
    return Fact(
        subject=subject,
        source=source,
        expected=expected,
        observed=observed,
        holds=expected == observed,
    )


def _ipv4(found: list[_Address]) -> list[str]:
    return [f"{one.local}/{one.prefixlen}" for one in found if one.family == "inet"]


def _by_name(text: str) -> dict[str, _Device]:
    return {device.ifname: device for device in _listed(text, _Device) if device.ifname}


def _listed(text: str, kind: type[T]) -> list[T]:
    try:
        return json_as(text, list[kind])  # type: ignore[valid-type] # mypy takes no variable
    except DecodeError:
        return []  # the namespace is gone: every fact about it then fails, as it should
