"""Which packages each image asks for; the lock says what that came to."""

from __future__ import annotations

from enum import StrEnum

SUITE = "trixie"
BACKPORTS = f"{SUITE}-backports"
"""Newer versions for the same suite, by request only."""
ARCHITECTURE = "amd64"


class PackageSet(StrEnum):
    """What a group of locked packages is for."""

    NODE = "node"
    GUEST = "guest"
    WORKLOAD = "workload"
    TOOLS = "tools"
    EMULATOR = "emulator"


WANTED: dict[PackageSet, tuple[str, ...]] = {
    PackageSet.NODE: (
        "systemd-sysv",
        "udev",
        # By it kata-rs asks systemd for the cgroup of a pod; runc has a way of its own.
        "dbus",
        "openssh-server",
        # The plain kernel: the one for clouds has no 9p. Its packages want a maker of
        # initial file systems; this is the smallest, and what it makes is not used.
        "linux-image-amd64",
        "tiny-initramfs",
        "busybox-static",
        "kmod",
        "procps",
        "util-linux",
        "e2fsprogs",
        "qemu-system-x86",
        "virtiofsd",
        "containerd",
        "runc",
        "containernetworking-plugins",
        "dmsetup",
        "iproute2",
        "ethtool",
        "tcpdump",
        "iputils-ping",
        "iputils-arping",
        "iperf3",
        "sockperf",
        "fio",
    ),
    PackageSet.GUEST: ("busybox-static", "qemu-guest-agent"),
    PackageSet.WORKLOAD: (
        "attr",
        "base-files",
        "bash",
        "coreutils",
        "dash",
        "ethtool",
        "findutils",
        "fio",
        "grep",
        "iperf3",
        "iproute2",
        "iputils-arping",
        "iputils-ping",
        "libcap2-bin",
        "mount",
        "procps",
        "sed",
        "sockperf",
        "util-linux",
    ),
    PackageSet.TOOLS: ("e2fsprogs", "libarchive13t64", "zstd"),
    PackageSet.EMULATOR: ("qemu-system-x86",),
}

IN_IMAGES = (PackageSet.NODE, PackageSet.GUEST, PackageSet.WORKLOAD, PackageSet.TOOLS)
"""The sets that every bench needs; the emulator is for machines that cannot do without."""

FROM_BACKPORTS = frozenset({PackageSet.EMULATOR})
# A bootable system has all that Debian calls essential; the other sets are only unpacked.
WITH_ESSENTIAL = frozenset({PackageSet.NODE})
