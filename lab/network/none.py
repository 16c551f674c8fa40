"""
none: a bare tap, no veth pair; the network is the user's own.

Kata's configuration template says of it "Used when customize network. Only creates a tap
device. No veth pair." Both Kata runtimes do something else (the pod fails, or has no
interface); this is what the sentence means: a tap on the node, routed to the guest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.network import model
from lab.network.model import Expected, Namespace, Tap
from lab.network.pod import TAP
from lab.outcome import Fact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.network.pod import Pod

EXPECTED = Expected(
    namespace_keeps_address=False,
    namespace_keeps_mac=False,
    hops_to_node=0,
    has_pod_interface=False,
)
OUTSIDE: tuple[str, ...] = (TAP,)
ROUTE = "ip route to the pod"
TAP_LINK = "ip -j -d link (node)"


def wire(pod: Pod) -> tuple[str, ...]:
    """A tap in the node's own namespace that answers for the gateway, and a route to it."""
    return (
        f"ip tuntap add dev {TAP} mode tap vnet_hdr",
        f"ip link set {TAP} mtu {pod.mtu_bytes} up",
        f"echo 1 > /proc/sys/net/ipv4/conf/{TAP}/proxy_arp",
        f"echo 0 > /proc/sys/net/ipv4/neigh/{TAP}/proxy_delay",
        f"ip route add {pod.address.ip} dev {TAP} scope link",
    )


def tap(pod: Pod) -> Tap:  # noqa: ARG001 - Model
    """The tap, by its name, in the node's namespace."""
    return Tap(netdev=f"{model.NETDEV},ifname={TAP},script=no,downscript=no", namespace=None)


def questions(pod: Pod) -> dict[str, str]:
    """The pod's namespace, the tap on the node, and the route to the guest."""
    return {
        **model.namespace_questions(pod),
        TAP_LINK: f"ip -j -d link show dev {TAP}",
        ROUTE: f"ip route show {pod.address.ip}",
    }


def facts(pod: Pod, answers: Mapping[str, str]) -> Iterator[Fact]:
    """No device in the pod's namespace; a tap on the node with the route to the guest."""
    yield Namespace(pod, answers).devices()
    on_node = Namespace(pod, answers, links=TAP_LINK)
    yield on_node.kind(TAP, "tun type tap")
    yield on_node.mtu(TAP)
    route = answers[ROUTE].strip()
    yield Fact(
        subject="route to the guest",
        source=ROUTE,
        expected=f"dev {TAP}",
        observed=route or "none",
        holds=f"dev {TAP}" in route,
    )
