"""
macvtap: the guest's link is a macvtap in bridge mode on top of eth0.

Source: virtcontainers/network_linux.go, tapNetworkPair (Kata 4.1): the pod's MAC moves to the
macvtap, eth0 gets another one and loses its addresses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.network import model
from lab.network.model import Expected, Namespace, Tap
from lab.network.pod import INTERFACE, TAP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.network.pod import Pod
    from lab.outcome import Fact

EXPECTED = Expected(namespace_keeps_address=False, namespace_keeps_mac=False, hops_to_node=0)
OUTSIDE: tuple[str, ...] = ()


def wire(pod: Pod) -> tuple[str, ...]:
    """
    A macvtap that takes the pod's MAC over, and a device node for QEMU to open.

    The kernel announces the character device in the node's namespace only by sysfs: no udev
    makes a file for it, so it is made here.
    """
    inside = f"ip -n {pod.namespace}"
    add = f"{inside} link add link {INTERFACE} name {TAP} mtu {pod.mtu_bytes}"
    device_number = f"ip netns exec {pod.namespace} sh -c 'cat /sys/class/net/{TAP}/tap*/dev'"
    return (
        f"{add} type macvtap mode bridge",
        f"{inside} link set {INTERFACE} address {locally_administered(pod.mac)}",
        f"{inside} link set {TAP} address {pod.mac}",
        f"{inside} address flush dev {INTERFACE}",
        f"{inside} link set {TAP} up",
        f"number=$({device_number})",
        f'mknod {pod.folder}/tap c "${{number%:*}}" "${{number#*:}}"',
    )


def tap(pod: Pod) -> Tap:
    """The macvtap's character device, opened and handed over."""
    return Tap(
        netdev=f"{model.NETDEV},fd={model.TAP_FD}",
        namespace=pod.namespace,
        redirection=f"{model.TAP_FD}<>{pod.folder}/tap",
    )


def questions(pod: Pod) -> dict[str, str]:
    """Devices with their modes, addresses, qdiscs."""
    return model.namespace_questions(pod)


def facts(pod: Pod, answers: Mapping[str, str]) -> Iterator[Fact]:
    """A macvtap in bridge mode holds the pod's MAC; eth0 has neither that nor an address."""
    namespace = Namespace(pod, answers)
    yield namespace.kind(TAP, "macvtap", mode="bridge")
    yield namespace.mtu(TAP)
    yield namespace.mac(TAP, is_pods=True)
    yield namespace.mac(INTERFACE, is_pods=False)
    yield namespace.address(INTERFACE, is_kept=False)
    yield namespace.ingress(INTERFACE, is_there=False)


def locally_administered(mac: str) -> str:
    """Another unicast MAC address than *mac*, in the locally administered range."""
    first, *rest = (int(byte, 16) for byte in mac.split(":"))
    return ":".join(f"{byte:02x}" for byte in (first & 0xFE | 0x02, *rest[:-1], rest[-1] ^ 0xFF))
