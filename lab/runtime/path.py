"""
What is asked of a sandbox besides what its facts need: the ends of its data path, to be drawn.

Nothing is judged by these answers (:mod:`lab.report.path`); they cost two programs on the node and
two in the guest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.storage.backend import Snapshotter

if TYPE_CHECKING:
    from lab.network.pod import Pod
    from lab.storage.backend import Volume

WAY = "ip route get the pod (node)"
VETHS = "ip -j link show type veth (node)"
"""The ends of pairs on the node: the pod's is the one whose number is its ``link_index``."""
SHARED_MOUNT = "mount of the snapshot (QEMU's namespace)"
RUNC_PROCESSES = "init's cgroup and name"
POD_PROCESSES = "cgroups of the shim's children"
GUEST_LINKS = "/sys/class/net (guest)"
GUEST_DEVICES = "devices in /sys (guest)"

IN_GUEST = {
    GUEST_LINKS: "grep -s . /sys/class/net/*/address /sys/class/net/*/mtu"
    " /sys/class/net/*/statistics/rx_packets /sys/class/net/*/statistics/tx_packets",
    GUEST_DEVICES: "readlink -f /sys/bus/virtio/devices/* /sys/class/net/* /sys/class/block/*",
}
"""What to ask inside the guest: shell lines, by name."""


def questions(pod: Pod) -> dict[str, str]:
    """What to ask the node about what lies outside the *pod*: shell lines, by name."""
    return {WAY: f"ip route get {pod.address.ip}", VETHS: "ip -j link show type veth"}


def mount_question(volume: Volume, pids: str) -> dict[str, str]:
    """
    The question how a snapshot is mounted that is a folder; *pids*, shell words, give QEMU's.

    Its mount namespace is asked: what Kata's shim mounts is seen in no other.
    """
    if volume.snapshotter is not Snapshotter.OVERLAYFS:
        return {}
    line = f"grep -F ' {volume.target} ' /proc/$pid/mounts"
    return {SHARED_MOUNT: f"for pid in {pids}; do {line}; done"}
