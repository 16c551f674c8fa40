"""
l3forwarding: the pod's namespace routes between eth0 and the tap instead of joining them.

New and experimental in Kata 4.1's runtime-rs. Source: PR #13281 (60e55ee2c7): proxy ARP on
both devices, 169.254.0.1 on the tap, the pod's address no longer local to the namespace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.network import model
from lab.network.model import Expected, Namespace, Tap
from lab.network.pod import INTERFACE, TAP
from lab.outcome import Fact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.network.pod import Pod

EXPECTED = Expected(namespace_keeps_address=True, namespace_keeps_mac=True, hops_to_node=1)
OUTSIDE: tuple[str, ...] = ()
TAP_ADDRESS = "169.254.0.1/32"
ROUTE = "ip route get the pod (pod)"
FORWARDING = "/proc/sys/net/ipv4/ip_forward (pod)"


def wire(pod: Pod) -> tuple[str, ...]:
    """A tap with a route to the guest, proxy ARP on both sides, forwarding on."""
    inside = f"ip -n {pod.namespace}"
    settings = " ".join(
        f"echo 1 > /proc/sys/net/ipv4/{key};"
        for key in ("ip_forward", f"conf/{TAP}/proxy_arp", f"conf/{INTERFACE}/proxy_arp")
    )
    # Loose, as systemd sets it on most nodes (sysctl.d/50-default.conf). Without it the kernel
    # drops the guest's packets as martians: their source is also an address of eth0
    # (net/ipv4/fib_frontend.c, fib_validate_source).
    settings += f" echo 2 > /proc/sys/net/ipv4/conf/{TAP}/rp_filter;"
    no_delay = " ".join(
        f"echo 0 > /proc/sys/net/ipv4/neigh/{device}/proxy_delay;" for device in (TAP, INTERFACE)
    )
    return (
        *model.add_tap(pod),
        f"{inside} address add {TAP_ADDRESS} dev {TAP}",
        f"ip netns exec {pod.namespace} sh -c '{settings} {no_delay}'",
        f"{inside} route del table local local {pod.address.ip} dev {INTERFACE}",
        f"{inside} route add {pod.address.ip} dev {TAP} scope link",
    )


def tap(pod: Pod) -> Tap:
    """The tap, by its name."""
    return model.named_tap(pod)


def questions(pod: Pod) -> dict[str, str]:
    """Devices, addresses, qdiscs, where the pod's address leads, whether packets go on."""
    inside = f"ip netns exec {pod.namespace}"
    return {
        **model.namespace_questions(pod),
        ROUTE: f"{inside} ip route get {pod.address.ip}",
        FORWARDING: f"{inside} cat /proc/sys/net/ipv4/ip_forward",
    }


def facts(pod: Pod, answers: Mapping[str, str]) -> Iterator[Fact]:
    """The pod's address leads to the tap, through a namespace that forwards."""
    namespace = Namespace(pod, answers)
    yield namespace.kind(TAP, "tun type tap")
    yield namespace.mtu(TAP)
    yield namespace.mac(INTERFACE, is_pods=True)
    yield namespace.address(INTERFACE, is_kept=True)
    yield namespace.ingress(INTERFACE, is_there=False)
    yield model.fact("packets are forwarded", FORWARDING, "1", answers[FORWARDING].strip())
    route = answers[ROUTE].strip()
    yield Fact(
        subject="way to the guest",
        source=ROUTE,
        expected=f"dev {TAP}",
        observed=route.splitlines()[0] if route else "none",
        holds=f"dev {TAP}" in route,
    )
