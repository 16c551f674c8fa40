"""Making and unmaking a pod's namespace on a node: the shell lines."""

from __future__ import annotations

import shlex
from ipaddress import IPv4Interface
from typing import TYPE_CHECKING

from lab.network.pod import CALICO_ROUTES, INTERFACE, MTU_BYTES, SANDBOXES, Pod

if TYPE_CHECKING:
    from ipaddress import IPv4Address

PLUGINS = "/usr/lib/cni"
PLUGIN = "calico-veth"
FIRST_ADDRESS = IPv4Interface("10.192.181.55/32")
"""That of the pod in the document this project began with; the next ones count up."""


def address(number: int) -> IPv4Interface:
    """The address of the pod with that *number*, from 0."""
    return FIRST_ADDRESS + number


def add_namespace(namespace: str) -> tuple[str, ...]:
    """The shell lines that make an empty pod and the sandbox's folder."""
    return (
        f"mkdir -p {SANDBOXES}/{namespace}/shared/rootfs",
        f"ip netns add {namespace}",
        f"ip -n {namespace} link set lo up",
    )


def add_network(namespace: str, interface: IPv4Interface) -> str:
    """The shell line that has the CNI plugin make the pod's network; it prints the result."""
    return _plugin("ADD", namespace, f"IP={interface};MTU={MTU_BYTES}")


def remove(pod: Pod) -> tuple[str, ...]:
    """The shell lines that take the pod, its network and its folder away."""
    return (
        _plugin("DEL", pod.namespace),
        f"ip netns del {pod.namespace}",
        # What could not be unmounted must not be emptied: it is what a restart keeps.
        f"rm -rf --one-file-system {pod.folder}",
    )


def custom(namespace: str, number: int) -> Pod:
    """A pod without a CNI network, whose addresses are the lab's own choice."""
    interface = address(number)
    return Pod(
        namespace=namespace,
        mac=_mac_of(interface.ip),
        address=interface,
        mtu_bytes=MTU_BYTES,
        routes=CALICO_ROUTES,
    )


def _mac_of(ip: IPv4Address) -> str:
    """A locally administered MAC that carries the address, as CNI's utils/hwaddr made them."""
    return ":".join(("0a", "58", *(f"{byte:02x}" for byte in ip.packed)))


def _plugin(verb: str, namespace: str, arguments: str = "") -> str:
    environment = {
        "CNI_COMMAND": verb,
        "CNI_CONTAINERID": namespace,
        "CNI_NETNS": f"/run/netns/{namespace}",
        "CNI_IFNAME": INTERFACE,
        "CNI_PATH": PLUGINS,
        "CNI_ARGS": arguments,
    }
    settings = " ".join(f"{key}={shlex.quote(value)}" for key, value in environment.items())
    return f"{settings} {PLUGINS}/{PLUGIN}"
