"""The storage lane: from the snapshot on the node to the sandbox's root file system."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from lab.report.path.graph import Zone
from lab.report.path.hops import Draft, unread
from lab.runtime.path import SHARED_MOUNT
from lab.storage.backend import UPPER, VirtioId
from lab.storage.thin import KERNEL_NAME, STATUS
from lab.storage.virtiofs import DAEMON
from lab.units import Unit, count, format_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.outcome import Fact
    from lab.report.path.reading import Device, Mount, Option, Qemu, Reading


@dataclass(frozen=True, slots=True)
class Kind:
    """By what a root file system comes into a guest."""

    id: VirtioId
    device: str
    """What QEMU calls it."""
    is_disk: bool = False


SHARES = {
    "virtiofs": Kind(VirtioId.FS, "vhost-user-fs-pci"),
    "9p": Kind(VirtioId.NINEP, "virtio-9p-pci"),
}
"""By type of the root file system: a folder that something on the node serves."""
DISKS = {
    "/dev/sd": Kind(VirtioId.SCSI, "scsi-hd", is_disk=True),
    "/dev/vd": Kind(VirtioId.BLOCK, "virtio-blk-pci", is_disk=True),
    "/dev/pmem": Kind(VirtioId.PMEM, "virtio-pmem-pci", is_disk=True),
}
"""By the beginning of the root file system's source."""
DEVICES = frozenset(kind.device for kind in (*SHARES.values(), *DISKS.values()))
TOLD = (
    "tag",
    "mount_tag",
    "queue-size",
    "cache-size",
    "bus",
    "scsi-id",
    "lun",
    "disable-modern",
)
"""What is told of a device of QEMU's."""
SECTOR_BYTES = 512
NOT_TOLD = "not in QEMU's command line"

_THIN = re.compile(r"^0 (?P<size>\d+) thin (?P<mapped>\d+) ")
_SNAPSHOT = re.compile(r"snapshot (/dev/\S+)")
_PLACES = ("lowerdir=", UPPER, "workdir=")
_QUIET = {"socket-path", "fd", "syslog", "shared-dir"}
"""Options of virtiofsd that say nothing of the path, and the one that is told first."""

ABOUT_DAEMON = r"virtiofsd serves .*"
ABOUT_THIN = r"snapshot /dev/.*"
ABOUT_HELD = "QEMU holds the thin volume"
ABOUT_DEVICE = r".* in QEMU's command line"
ABOUT_BUS = r"virtio device .*"
ABOUT_ROOT = "root file system|DAX"


def drafts(reading: Reading, facts: Sequence[Fact]) -> Iterator[Draft]:
    """The hops, from the node inwards. *facts* say what the thin volume is called."""
    root = reading.root
    if not reading.has_guest:
        yield _source(root)
        yield _root(Zone.CONTAINER, root)
        return
    kind = _kind(root)
    # Of a root that is not known, whatever was read is told.
    if SHARED_MOUNT in reading and not (kind and kind.is_disk):
        yield _snapshot(reading)
    elif kind and not kind.is_disk:
        yield unread(Zone.NODE, "snapshot")
    if kind.id is VirtioId.FS if kind else DAEMON in reading:
        yield _daemon(reading)
    volume = _volume(facts)
    if kind.is_disk if kind else STATUS in reading:
        yield _thin(reading, volume)
    yield from _in_qemu(reading, kind, volume)
    yield _on_bus(reading, kind, root)
    yield _root(Zone.GUEST, root)


def _kind(root: Mount | None) -> Kind | None:
    if root is None:
        return None
    disks = (kind for beginning, kind in DISKS.items() if root.source.startswith(beginning))
    return next(disks, SHARES.get(root.fstype))


def _source(root: Mount | None) -> Draft:
    """What a container without a guest has its root from: its own mount tells all of it."""
    if root and root.fstype == "overlay":
        return Draft(Zone.NODE, root.fstype, _layers(root))
    if root and root.source.startswith("/dev/"):
        return Draft(Zone.NODE, root.source.rpartition("/")[2], (root.source,))
    return unread(Zone.NODE, "snapshot")


def _root(zone: Zone, root: Mount | None) -> Draft:
    if root is None:
        return unread(zone, "/", about=ABOUT_ROOT)
    options = (each for each in root.options.split(",") if not each.startswith(_PLACES))
    told = (f"{root.fstype} from {root.source}", ", ".join(options))
    return Draft(zone, "/", told, about=ABOUT_ROOT)


def _snapshot(reading: Reading) -> Draft:
    mount = reading.mount(SHARED_MOUNT)
    if mount is None:
        return unread(Zone.NODE, "snapshot")
    return Draft(Zone.NODE, mount.fstype, _layers(mount))


def _layers(mount: Mount) -> tuple[str, ...]:
    upper, lower = mount.option("upperdir"), mount.option("lowerdir")
    return (
        f"upperdir …/{'/'.join(upper.split('/')[-3:])}" if upper else "",
        count(len(lower.split(":")), "lower layer") if lower else "",
    )


def _daemon(reading: Reading) -> Draft:
    words = reading.answer(DAEMON).partition("\n")[0].split()
    program = words[0].rpartition("/")[2] if words else ""
    if "virtiofsd" not in program:
        return unread(Zone.NODE, "virtiofsd", about=ABOUT_DAEMON)
    options = dict(_options(words[1:]))
    shared = options.get("shared-dir")
    told = [
        f"{name}={value}" if value else name
        for name, value in options.items()
        if name not in _QUIET
    ]
    details = (f"serves {shared}" if shared else "", *told)
    return Draft(Zone.NODE, program, details, about=ABOUT_DAEMON)


def _options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    for word, follows in pairwise((*words, "-")):
        if word.startswith("-"):
            name, _, value = word.lstrip("-").partition("=")
            yield name, value if value or follows.startswith("-") else follows


def _volume(facts: Sequence[Fact]) -> str:
    names = (match[1] for fact in facts if (match := _SNAPSHOT.fullmatch(fact.subject)))
    return next(names, "")


def _thin(reading: Reading, volume: str) -> Draft:
    status = _THIN.match(reading.answer(STATUS))
    if status is None:
        return unread(Zone.NODE, "thin volume", about=ABOUT_THIN)
    size, mapped = (
        format_value(int(status[key]) * SECTOR_BYTES, Unit.BYTE) for key in ("size", "mapped")
    )
    kernel, name = (path.rpartition("/")[2] for path in (reading.answer(KERNEL_NAME), volume))
    details = ("thin volume", kernel, f"{mapped} of {size} mapped")
    return Draft(Zone.NODE, name or "snapshot", details, about=ABOUT_THIN)


def _in_qemu(reading: Reading, kind: Kind | None, volume: str) -> Iterator[Draft]:
    """What QEMU makes of it: the devices that the root comes by, or all there are."""
    qemu = reading.qemu
    if qemu is None:
        name = kind.device if kind else "device"
        yield unread(Zone.QEMU, name, about=f"{ABOUT_DEVICE}|{ABOUT_HELD}")
    elif kind is None:
        for device in qemu.all("device"):
            if device.kind in DEVICES:
                yield Draft(Zone.QEMU, device.kind, device.told(*TOLD), about=ABOUT_DEVICE)
    elif kind.is_disk:
        yield from _disk(reading, qemu, kind, volume)
    else:
        yield from _share(qemu, kind)


def _share(qemu: Qemu, kind: Kind) -> Iterator[Draft]:
    device = qemu.device(kind.device)
    if device and "fsdev" in device.keys:
        for folder in qemu.all("fsdev"):
            if folder.keys.get("id") == device.keys["fsdev"]:
                shared = folder.keys.get("path")
                details = (f"serves {shared}" if shared else "", *folder.told("security_model"))
                yield Draft(Zone.QEMU, f"fsdev {folder.kind}", details)
    yield _device(device, kind)


def _disk(reading: Reading, qemu: Qemu, kind: Kind, volume: str) -> Iterator[Draft]:
    """The back end that has the volume, and the device on it."""
    kernel = reading.answer(KERNEL_NAME)
    held = f"{kernel} open" if kernel in reading.qemus_files else ""
    back = _back_end(qemu, {volume, kernel} - {""})
    if back is None:
        # Kata plugs its disks in while the guest runs.
        about = f"{ABOUT_DEVICE}|{ABOUT_HELD}"
        told = tuple(detail for detail in (NOT_TOLD, held) if detail)
        yield unread(Zone.QEMU, kind.device, *told, about=about)
        return
    name = back.keys.get("node-name") or back.keys.get("id", "")
    details = (back.kind, held, *back.told("aio", "cache.direct", "share", "size"))
    yield Draft(Zone.QEMU, name, details, about=ABOUT_HELD)
    yield _device(
        qemu.device(kind.device, drive=name) or qemu.device(kind.device, memdev=name), kind
    )


def _back_end(qemu: Qemu, paths: set[str]) -> Option | None:
    """The option that gives QEMU what is at one of *paths*."""
    for option in (*qemu.all("blockdev"), *qemu.all("object")):
        if {option.keys.get("filename"), option.keys.get("mem-path")} & paths:
            return option
    return None


def _device(device: Option | None, kind: Kind) -> Draft:
    if device is None:
        return unread(Zone.QEMU, kind.device, NOT_TOLD, about=ABOUT_DEVICE)
    return Draft(Zone.QEMU, device.kind, device.told(*TOLD), about=ABOUT_DEVICE)


def _on_bus(reading: Reading, kind: Kind | None, root: Mount | None) -> Draft:
    """The device on the guest's virtio bus that the root comes by."""
    if kind is None or root is None:
        return unread(Zone.GUEST, "virtio device", about=ABOUT_BUS)
    disk = root.source.rpartition("/")[2] if kind.is_disk else ""
    device = reading.virtio_of(disk) if disk else _only(reading, kind)
    if device:
        where = f"{disk} at {device.scsi}" if device.scsi else disk
        details = (f"PCI {device.pci}", f"id {device.id}" if device.id else "", where)
        return Draft(Zone.GUEST, device.name, details, about=ABOUT_BUS)
    if kind.id in reading.virtio_ids:
        return Draft(Zone.GUEST, "virtio device", (f"id {kind.id}",), about=ABOUT_BUS)
    return unread(Zone.GUEST, "virtio device", about=ABOUT_BUS)


def _only(reading: Reading, kind: Kind) -> Device | None:
    found = [device for device in reading.virtio if device.id == kind.id]
    return found[0] if len(found) == 1 else None
