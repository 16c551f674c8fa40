"""devmapper-blk: the thin volume on virtio-blk (Kata's ``block_device_driver="virtio-blk"``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.storage import backend, devmapper, thin
from lab.storage.backend import VirtioId

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.outcome import Fact
    from lab.storage.backend import Volume

SNAPSHOTTER = devmapper.SNAPSHOTTER
MODULES: tuple[str, ...] = ("virtio_blk", *thin.FILE_SYSTEM)
DISK = "vda"

requirements = devmapper.requirements
support = devmapper.support
attach = devmapper.attach
detach = devmapper.detach
forget = devmapper.forget
node_questions = devmapper.node_questions


def qemu(volume: Volume) -> tuple[str, ...]:
    """The volume as a virtio block device."""
    device = f"virtio-blk-pci,disable-modern=true,drive={thin.DRIVE},share-rw=on"
    return (*thin.blockdev(volume), "-device", device)


def mount() -> tuple[str, ...]:
    """The disk, once the kernel has found it."""
    return thin.mount(DISK)


def facts(volume: Volume, answers: Mapping[str, str]) -> Iterator[Fact]:
    """ext4 on a virtio disk in the guest; an active thin volume that QEMU holds."""
    yield backend.root_fact(answers, source=thin.name_of(volume, DISK), fstype="ext4")
    yield backend.dax_fact(answers, is_wanted=False)
    yield backend.virtio_fact(answers, VirtioId.BLOCK)
    yield from thin.command_facts(volume, answers, "virtio-blk-pci")
    yield from thin.facts(volume, answers)
