"""What a guest is told to do before it answers: a shell script, for busybox."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.network.pod import Pod, Route


def setup_script(pod: Pod, mount: tuple[str, ...]) -> str:
    """
    Mount the root file system, then give the link with the pod's MAC all that the pod has.

    The order is that of Kata's agent: find the link by its MAC, addresses, name, MTU, up,
    routes (src/agent/src/netlink.rs).
    """
    return "\n".join(
        (
            *mount,
            f"link=$(grep -lx '{pod.mac}' /sys/class/net/*/address | cut -d/ -f5)",
            f'[ -n "$link" ] || {{ echo "no link with MAC {pod.mac}"; exit 1; }}',
            "ip link set lo up",
            f'ip address add {pod.address} dev "$link"',
            f'ip link set "$link" mtu {pod.mtu_bytes} up',
            *(_add_route(route) for route in pod.routes),
            "",
        )
    )


def _add_route(route: Route) -> str:
    if route.via is None:
        return f'ip route add {route.to} dev "$link" scope link'
    return f'ip route add {route.to} via {route.via} dev "$link"'
