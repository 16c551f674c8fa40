"""
devmapper: a thin volume as a disk on virtio-scsi, Kata's default block driver.

Source: qemu.go, hotplugAddBlockDevice (Kata 4.1). Kata plugs the disk in while the guest runs;
here it is there from the start, on the same controller and with the same options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.outcome import SUPPORTED
from lab.storage import backend, thin
from lab.storage.backend import Snapshotter, VirtioId

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.outcome import Fact, Support
    from lab.storage.backend import Volume
    from lab.topology import Topology

SNAPSHOTTER = Snapshotter.DEVMAPPER
MODULES: tuple[str, ...] = ("virtio_scsi", "sd_mod", *thin.FILE_SYSTEM)
DISK = "sda"
ADDRESS = "0 0 0"
"""Channel, target and unit on the controller."""


def requirements(topology: Topology) -> dict[str, str]:  # noqa: ARG001 - Backend
    """Nothing: the pool is part of every prepared node."""
    return {}


def support(answers: Mapping[str, str]) -> Support:  # noqa: ARG001 - Backend
    """Always."""
    return SUPPORTED


def attach(volume: Volume, topology: Topology) -> tuple[str, ...]:  # noqa: ARG001 - Backend
    """Nothing: the snapshotter has made the device."""
    return ()


def detach(volume: Volume) -> tuple[str, ...]:  # noqa: ARG001 - Backend
    """Nothing: the snapshot's removal takes the device away."""
    return ()


def forget(volume: Volume, path: str) -> str:  # noqa: ARG001 - Backend
    """QEMU reads the volume through the node's cache of its blocks: forget all of those."""
    return f"blockdev --flushbufs {volume.device}"


def qemu(volume: Volume) -> tuple[str, ...]:
    """The volume as a SCSI disk on the controller that every sandbox of Kata has."""
    return (
        *thin.blockdev(volume),
        "-device",
        f"scsi-hd,drive={thin.DRIVE},bus=scsi0.0,scsi-id=0,lun=0,share-rw=on",
    )


def mount() -> tuple[str, ...]:
    """The disk, which is looked for only where it is: Kata's guests do not scan (scan=none)."""
    return (f"echo '{ADDRESS}' >/sys/class/scsi_host/host0/scan", *thin.mount(DISK))


def node_questions(volume: Volume) -> dict[str, str]:
    """The state of the thin volume, and who holds it open."""
    return thin.questions(volume)


def facts(volume: Volume, answers: Mapping[str, str]) -> Iterator[Fact]:
    """ext4 on a SCSI disk in the guest; an active thin volume that QEMU holds."""
    yield backend.root_fact(answers, source=thin.name_of(volume, DISK), fstype="ext4")
    yield backend.dax_fact(answers, is_wanted=False)
    yield backend.virtio_fact(answers, VirtioId.SCSI)
    yield from thin.command_facts(volume, answers, "scsi-hd")
    yield from thin.facts(volume, answers)
