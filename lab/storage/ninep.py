"""
9p: QEMU itself serves the folder over virtio. Kata's first; gone from its agent since 3.29.

Source: govmm/qemu/qemu.go and kata_agent.go (Kata 3.28, the last release that mounts it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.outcome import SUPPORTED
from lab.storage import backend
from lab.storage.backend import GUEST_SHARE, ROOT, TAG, Snapshotter, VirtioId

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.outcome import Fact, Support
    from lab.storage.backend import Volume
    from lab.topology import Topology

SNAPSHOTTER = Snapshotter.OVERLAYFS
MODULES: tuple[str, ...] = ("9pnet_virtio", "9p")
FSDEV = f"extra-9p-{TAG}"
MSIZE_BYTES = 8192
"""Kata's msize_9p. A larger one is faster by far; this is what Kata's users have."""


def requirements(topology: Topology) -> dict[str, str]:  # noqa: ARG001 - Backend
    """Nothing: it is in every QEMU and guest kernel the lab builds."""
    return {}


def support(answers: Mapping[str, str]) -> Support:  # noqa: ARG001 - Backend
    """Always."""
    return SUPPORTED


def attach(volume: Volume, topology: Topology) -> tuple[str, ...]:  # noqa: ARG001 - Backend
    """Mount the snapshot where QEMU finds it."""
    return backend.mount_on_node(volume)


def detach(volume: Volume) -> tuple[str, ...]:
    """Unmount it."""
    return backend.unmount_on_node(volume)


def forget(volume: Volume, path: str) -> str:
    """The node has it in its page cache."""
    return backend.forget_shared_file(volume, path)


def qemu(volume: Volume) -> tuple[str, ...]:
    """The folder and the device."""
    return (
        "-fsdev",
        f"local,id={FSDEV},path={volume.shared},security_model=none,multidevs=remap",
        "-device",
        f"virtio-9p-pci,disable-modern=true,fsdev={FSDEV},mount_tag={TAG}",
    )


def mount() -> tuple[str, ...]:
    """The share where Kata mounts it, and the container's root in it."""
    options = f"trans=virtio,version=9p2000.L,cache=mmap,nodev,msize={MSIZE_BYTES}"
    return (
        f"mkdir -p {GUEST_SHARE}",
        f"mount -t 9p -o {options} {TAG} {GUEST_SHARE}",
        f"mount -o bind {GUEST_SHARE}/rootfs {ROOT}",
    )


def node_questions(volume: Volume) -> dict[str, str]:  # noqa: ARG001 - Backend
    """Nothing beyond QEMU's command line."""
    return {}


def facts(volume: Volume, answers: Mapping[str, str]) -> Iterator[Fact]:  # noqa: ARG001 - Backend
    """9p in the guest, by QEMU's own device."""
    yield backend.root_fact(answers, source=TAG, fstype="9p")
    yield backend.virtio_fact(answers, VirtioId.NINEP)
    yield backend.command_fact(answers, "virtio-9p-pci")
