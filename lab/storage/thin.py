"""What the backends on a thin volume of device-mapper share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lab.outcome import Fact
from lab.storage.backend import QEMU_FILES, ROOT, command_fact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.storage.backend import Volume

POOL = "lab-pool"
"""The thin pool on every node, in device-mapper's words."""
VOLUME_MIB = 4096
"""The size of every thin volume: containerd's base_image_size."""
FILE_SYSTEM = ("crc32c_generic", "ext4")
"""ext4 asks for a checksum that no dependency of its module names."""
DRIVE = "drive-0"
DISK_TRIES = 100
STATUS = "dmsetup status (snapshot)"
KERNEL_NAME = "kernel name of the snapshot"

_MAPPED = re.compile(r"^0 \d+ thin \d+ ")


def blockdev(volume: Volume) -> tuple[str, ...]:
    """QEMU's back end of the volume, with Kata's options (block_device_aio, cache_direct)."""
    options = "aio=io_uring,cache.direct=off,cache.no-flush=off"
    return (
        "-blockdev",
        f"driver=host_device,node-name={DRIVE},filename={volume.device},{options}",
    )


def wait_for_disk(disk: str) -> tuple[str, ...]:
    """The guest's shell lines that wait until the kernel has found *disk*."""
    give_up = f"[ $tries -lt {DISK_TRIES} ] || {{ echo 'no /dev/{disk}'; exit 1; }}"
    return (
        "tries=0",
        f"until [ -b /dev/{disk} ]; do",
        f"tries=$((tries + 1)); {give_up}; usleep 50000",
        "done",
    )


def mount(disk: str) -> tuple[str, ...]:
    """The guest's shell lines that mount *disk* as the root file system."""
    return (*wait_for_disk(disk), f"mount -t ext4 /dev/{disk} {ROOT}")


def name_of(volume: Volume, disk: str) -> str:
    """
    The name that the guest has for the volume, as a regular expression.

    A disk that is there from the start is *disk*; one that is plugged in is called after those
    that came before it, such as that of a pod's pause container.
    """
    return f"/dev/{disk[:-1]}[a-z]" if volume.is_hot_plugged else f"/dev/{disk}"


def command_facts(volume: Volume, answers: Mapping[str, str], device: str) -> Iterator[Fact]:
    """QEMU was started with *device*, unless it was plugged in: no command line tells of that."""
    if not volume.is_hot_plugged:
        yield command_fact(answers, device)


def questions(volume: Volume) -> dict[str, str]:
    """The volume's state in device-mapper, and the name its kernel device has."""
    return {
        STATUS: f"dmsetup status {volume.device}",
        KERNEL_NAME: f"readlink -f {volume.device}",
    }


def facts(volume: Volume, answers: Mapping[str, str]) -> Iterator[Fact]:
    """The volume is thin and active, and QEMU holds it open."""
    yield status_fact(volume, answers)
    device = answers[KERNEL_NAME].strip()
    is_open = device.startswith("/dev/") and device in answers[QEMU_FILES].split()
    yield Fact(
        subject="QEMU holds the thin volume",
        source="/proc/PID/fd",
        expected=device or "a device-mapper device",
        observed="open" if is_open else "not open",
        holds=is_open,
    )


def status_fact(volume: Volume, answers: Mapping[str, str]) -> Fact:
    """
    The volume is a thin one, and its pool has not failed.

    A volume that is well tells how many sectors it maps; one that is not says Fail, Error or -
    instead (drivers/md/dm-thin.c, thin_status).
    """
    is_thin = _MAPPED.search(answers[STATUS]) is not None
    return Fact(
        subject=f"snapshot {volume.device}",
        source=STATUS,
        expected="a thin volume",
        observed=answers[STATUS].strip() or "absent",
        holds=is_thin,
    )
