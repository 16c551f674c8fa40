"""
bridge: a Linux bridge joins eth0 and a tap. Kata 1.x's first model, dropped for its cost.

Source: docs/design/architecture/networking.md; kata-containers/runtime#827.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.network import model
from lab.network.macvtap import locally_administered
from lab.network.model import Expected, Namespace, Tap
from lab.network.pod import INTERFACE, TAP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.network.pod import Pod
    from lab.outcome import Fact

EXPECTED = Expected(namespace_keeps_address=False, namespace_keeps_mac=False, hops_to_node=0)
OUTSIDE: tuple[str, ...] = ()
BRIDGE = "br0_kata"
PORTS = "bridge link"


def wire(pod: Pod) -> tuple[str, ...]:
    """A bridge over eth0 and a tap; eth0 gives up its addresses and the pod's MAC."""
    inside = f"ip -n {pod.namespace}"
    return (
        *model.add_tap(pod),
        f"{inside} link set {INTERFACE} address {locally_administered(pod.mac)}",
        f"{inside} address flush dev {INTERFACE}",
        f"{inside} link add {BRIDGE} mtu {pod.mtu_bytes} type bridge forward_delay 0",
        f"{inside} link set {INTERFACE} master {BRIDGE}",
        f"{inside} link set {TAP} master {BRIDGE}",
        f"{inside} link set {BRIDGE} up",
    )


def tap(pod: Pod) -> Tap:
    """The tap, by its name."""
    return model.named_tap(pod)


def questions(pod: Pod) -> dict[str, str]:
    """Devices, addresses, qdiscs, and the ports of the bridge."""
    inside = f"ip netns exec {pod.namespace}"
    return {**model.namespace_questions(pod), PORTS: f"{inside} bridge link"}


def facts(pod: Pod, answers: Mapping[str, str]) -> Iterator[Fact]:
    """A bridge whose two forwarding ports are eth0 and the tap."""
    namespace = Namespace(pod, answers)
    yield namespace.kind(BRIDGE, "bridge")
    yield namespace.kind(TAP, "tun type tap")
    yield namespace.mtu(TAP)
    yield namespace.address(INTERFACE, is_kept=False)
    yield namespace.mac(INTERFACE, is_pods=False)
    for device in (INTERFACE, TAP):
        yield model.fact(
            f"{device} as a port of {BRIDGE}", PORTS, "forwarding", _state(answers[PORTS], device)
        )


def _state(ports: str, device: str) -> str:
    for line in ports.splitlines():
        if f" {device}@" in line or f" {device}:" in line:
            return "forwarding" if f"master {BRIDGE} state forwarding" in line else line.strip()
    return "absent"
