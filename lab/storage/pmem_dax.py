"""
pmem-dax: the thin volume as virtio-pmem, ext4 mounted with dax. DAX on stock parts.

QEMU maps the block device into the guest's address space; the guest's file system reads and
writes it without a page cache of its own. (Kata's runtime-rs lists virtio-pmem for container
root file systems and answers "not been implemented yet".)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.storage import backend, devmapper, thin
from lab.storage.backend import ROOT, VirtioId

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.outcome import Fact
    from lab.storage.backend import Volume

SNAPSHOTTER = devmapper.SNAPSHOTTER
MODULES: tuple[str, ...] = ("virtio_pmem", "nd_pmem", *thin.FILE_SYSTEM)
DISK = "pmem0"

requirements = devmapper.requirements
support = devmapper.support
attach = devmapper.attach
detach = devmapper.detach
forget = devmapper.forget
node_questions = devmapper.node_questions


def qemu(volume: Volume) -> tuple[str, ...]:
    """The volume as a memory backend, behind a virtio-pmem device (modern virtio only)."""
    memory = (
        f"memory-backend-file,id=pmem0,share=on,mem-path={volume.device},size={thin.VOLUME_MIB}M"
    )
    return ("-object", memory, "-device", "virtio-pmem-pci,memdev=pmem0")


def mount() -> tuple[str, ...]:
    """The device, once the kernel has found it, with dax."""
    return (*thin.wait_for_disk(DISK), f"mount -t ext4 -o dax /dev/{DISK} {ROOT}")


def facts(volume: Volume, answers: Mapping[str, str]) -> Iterator[Fact]:
    """ext4 with dax on a pmem device in the guest; an active thin volume behind it."""
    yield backend.root_fact(answers, source=f"/dev/{DISK}", fstype="ext4")
    yield backend.dax_fact(answers, is_wanted=True)
    yield backend.virtio_fact(answers, VirtioId.PMEM)
    yield backend.command_fact(answers, "virtio-pmem-pci")
    yield thin.status_fact(volume, answers)
