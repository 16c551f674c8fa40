"""Each fact of each storage backend, on real answers and on tampered ones."""

from __future__ import annotations

import dataclasses

import pytest

from lab.matrix import GUEST_STORAGES, Storage
from lab.storage import BACKENDS
from lab.storage.backend import MOUNTS, QEMU_COMMAND, QEMU_FILES, VIRTIO_IDS
from lab.storage.thin import KERNEL_NAME, STATUS
from lab.storage.virtiofs import DAEMON
from tests.evidence import (
    LOST,
    Answers,
    Captured,
    Change,
    answered,
    broken,
    captured,
    replaced,
)

ROOT = "root file system"
DAX = "DAX"
SHARED_BY = "virtiofsd serves this sandbox"
HELD = "QEMU holds the thin volume"
SNAPSHOT = "snapshot /dev/mapper/lab-pool-snap-2"


def with_dax(cell: Captured) -> Captured:
    """
    What a virtio-fs sandbox with DAX would answer.

    No distribution has a QEMU and a virtiofsd that could: these are the answers of one without
    DAX, with the window that QEMU is given, and the option as the kernel prints it
    (fs/fuse/inode.c, fuse_show_options).
    """
    answers = replaced(MOUNTS, "none / virtiofs rw,relatime", "none / virtiofs rw,relatime,dax")(
        replaced(QEMU_COMMAND, "queue-size=1024", "queue-size=1024,cache-size=256M")(cell.answers)
    )
    return Captured(cell=cell.cell, pod=cell.pod, volume=cell.volume, answers=answers)


VIRTIOFS = captured("tcfilter+virtiofs+reference")
CELLS = {
    Storage.VIRTIOFS: VIRTIOFS,
    Storage.VIRTIOFS_DAX: with_dax(VIRTIOFS),
    Storage.NINEP: captured("tcfilter+9p+reference"),
    Storage.DEVMAPPER: captured("macvtap+devmapper+reference"),
    Storage.DEVMAPPER_BLK: captured("bridge+devmapper-blk+reference"),
    Storage.PMEM_DAX: captured("l3forwarding+pmem-dax+reference"),
}

NO_ROOT = replaced(MOUNTS, " / ", " /mnt ")
THIN: dict[str, tuple[Change, set[str]]] = {
    "volume gone": (
        answered(STATUS, "Device lab-pool-snap-2 not found\nCommand failed.\n"),
        {SNAPSHOT},
    ),
    "pool failed": (answered(STATUS, "0 8388608 thin Fail\n"), {SNAPSHOT}),
    "status unknown": (answered(STATUS, "0 8388608 thin Error\n"), {SNAPSHOT}),
    "volume deactivated": (answered(STATUS, "0 8388608 thin -\n"), {SNAPSHOT}),
    "a plain volume": (answered(STATUS, "0 8388608 linear \n"), {SNAPSHOT}),
    "the pool itself": (answered(STATUS, "0 8388608 thin-pool 1 1/2 3/4 - rw\n"), {SNAPSHOT}),
}
HOLDERS: dict[str, tuple[Change, set[str]]] = {
    "QEMU has another volume": (replaced(QEMU_FILES, "/dev/dm-4\n", "/dev/dm-40\n"), {HELD}),
    "QEMU has the image file": (replaced(QEMU_FILES, "/dev/dm-4\n", "/root.img\n"), {HELD}),
    "the name leads elsewhere": (answered(KERNEL_NAME, "/dev/dm-5\n"), {HELD}),
    "the name leads nowhere": (answered(KERNEL_NAME, "\n"), {HELD}),
}
CASES: dict[Storage, dict[str, tuple[Change, set[str]]]] = {
    Storage.VIRTIOFS: {
        "9p instead": (replaced(MOUNTS, "virtiofs", "9p"), {ROOT}),
        "the initramfs": (replaced(MOUNTS, "none / virtiofs", "none / rootfs"), {ROOT}),
        "no root": (NO_ROOT, {ROOT, DAX}),
        "dax": (replaced(MOUNTS, "virtiofs rw", "virtiofs rw,dax"), {DAX}),
        "dax always": (replaced(MOUNTS, "virtiofs rw", "virtiofs rw,dax=always"), {DAX}),
        "no device": (replaced(VIRTIO_IDS, "0x001a\n", ""), {"virtio device fs"}),
        "not given to QEMU": (
            replaced(QEMU_COMMAND, "vhost-user-fs-pci", "virtio-9p-pci"),
            {"vhost-user-fs-pci in QEMU's command line"},
        ),
        "no virtiofsd": (
            answered(DAEMON, "cat: /run/kata-lab/boot1/virtiofsd.pid: No such file or directory\n"),
            {SHARED_BY},
        ),
        "virtiofsd ended": (answered(DAEMON, ""), {SHARED_BY}),
        "another sandbox's virtiofsd": (replaced(DAEMON, "boot1", "boot11"), {SHARED_BY}),
        "a folder below": (replaced(DAEMON, "boot1/shared ", "boot1/shared/rootfs "), {SHARED_BY}),
    },
    Storage.VIRTIOFS_DAX: {
        "9p instead": (replaced(MOUNTS, "virtiofs", "9p"), {ROOT}),
        "no root": (NO_ROOT, {ROOT, DAX}),
        "silently without dax": (replaced(MOUNTS, ",dax", ""), {DAX}),
        "dax never": (replaced(MOUNTS, ",dax", ",dax=never"), {DAX}),
        "no device": (replaced(VIRTIO_IDS, "0x001a\n", ""), {"virtio device fs"}),
        "no window": (
            replaced(QEMU_COMMAND, ",cache-size=256M", ""),
            {"cache-size=256M in QEMU's command line"},
        ),
        "virtiofsd ended": (answered(DAEMON, ""), {SHARED_BY}),
    },
    Storage.NINEP: {
        "virtiofs instead": (replaced(MOUNTS, " 9p ", " virtiofs "), {ROOT}),
        "another share": (replaced(MOUNTS, "kataShared /", "other /"), {ROOT}),
        "no root": (NO_ROOT, {ROOT}),
        "no device": (replaced(VIRTIO_IDS, "0x0009\n", ""), {"virtio device ninep"}),
        "not given to QEMU": (
            replaced(QEMU_COMMAND, "virtio-9p-pci", "virtio-9p-ccw"),
            {"virtio-9p-pci in QEMU's command line"},
        ),
    },
    Storage.DEVMAPPER: {
        "xfs": (replaced(MOUNTS, "ext4", "xfs"), {ROOT}),
        "on virtio-blk": (replaced(MOUNTS, "/dev/sda", "/dev/vda"), {ROOT}),
        "on a partition": (replaced(MOUNTS, "/dev/sda", "/dev/sda1"), {ROOT}),
        "no root": (NO_ROOT, {ROOT, DAX}),
        "dax": (replaced(MOUNTS, "ext4 rw", "ext4 rw,dax=always"), {DAX}),
        "no controller": (replaced(VIRTIO_IDS, "0x0008\n", ""), {"virtio device scsi"}),
        "not given to QEMU": (
            replaced(QEMU_COMMAND, "scsi-hd", "scsi-cd"),
            {"scsi-hd in QEMU's command line"},
        ),
        **THIN,
        **HOLDERS,
    },
    Storage.DEVMAPPER_BLK: {
        "xfs": (replaced(MOUNTS, "ext4", "xfs"), {ROOT}),
        "on virtio-scsi": (replaced(MOUNTS, "/dev/vda", "/dev/sda"), {ROOT}),
        "no root": (NO_ROOT, {ROOT, DAX}),
        "dax": (replaced(MOUNTS, "ext4 rw", "ext4 rw,dax"), {DAX}),
        "no device": (replaced(VIRTIO_IDS, "0x0002\n", ""), {"virtio device block"}),
        "not given to QEMU": (
            replaced(QEMU_COMMAND, "virtio-blk-pci", "scsi-hd"),
            {"virtio-blk-pci in QEMU's command line"},
        ),
        **THIN,
        **HOLDERS,
    },
    Storage.PMEM_DAX: {
        "xfs": (replaced(MOUNTS, "ext4", "xfs"), {ROOT}),
        "on a disk": (replaced(MOUNTS, "/dev/pmem0", "/dev/vda"), {ROOT}),
        "no root": (NO_ROOT, {ROOT, DAX}),
        "without dax": (replaced(MOUNTS, ",dax=always", ""), {DAX}),
        "dax never": (replaced(MOUNTS, "dax=always", "dax=never"), {DAX}),
        "no device": (replaced(VIRTIO_IDS, "0x001b\n", ""), {"virtio device pmem"}),
        "not given to QEMU": (
            replaced(QEMU_COMMAND, "virtio-pmem-pci", "nvdimm"),
            {"virtio-pmem-pci in QEMU's command line"},
        ),
        **THIN,
    },
}
TABLE = [(storage, case) for storage, cases in CASES.items() for case in cases]


def failing(storage: Storage, answers: Answers) -> set[str]:
    return broken(BACKENDS[storage].facts(CELLS[storage].volume, answers))


def test_every_backend_has_answers() -> None:
    assert set(CELLS) == set(GUEST_STORAGES) == set(BACKENDS)


@pytest.mark.parametrize("storage", CELLS)
def test_every_fact_holds_of_a_real_sandbox(storage: Storage) -> None:
    assert failing(storage, CELLS[storage].answers) == set()


@pytest.mark.parametrize(("storage", "case"), TABLE, ids=[f"{s}: {c}" for s, c in TABLE])
def test_a_fact_fails_when_what_it_claims_is_taken_away(storage: Storage, case: str) -> None:
    change, subjects = CASES[storage][case]

    assert failing(storage, change(CELLS[storage].answers)) == subjects


@pytest.mark.parametrize("storage", CELLS)
def test_every_fact_was_taken_away_once(storage: Storage) -> None:
    cell = CELLS[storage]
    subjects = {fact.subject for fact in BACKENDS[storage].facts(cell.volume, cell.answers)}

    assert set().union(*(fails for _, fails in CASES[storage].values())) == subjects


@pytest.mark.parametrize("storage", CELLS)
@pytest.mark.parametrize("case", LOST)
def test_nothing_is_proven_by_answers_that_are_none(storage: Storage, case: str) -> None:
    cell = CELLS[storage]
    answers = dict.fromkeys(cell.answers, LOST[case])

    assert not [fact for fact in BACKENDS[storage].facts(cell.volume, answers) if fact.holds]


OTHERS = [(one, other) for one in CELLS for other in CELLS if one is not other]


@pytest.mark.parametrize(
    ("claimed", "real"), OTHERS, ids=[f"{real} as {claimed}" for claimed, real in OTHERS]
)
def test_no_backend_passes_for_another(claimed: Storage, real: Storage) -> None:
    answers = {STATUS: "", KERNEL_NAME: "", DAEMON: "", **CELLS[real].answers}

    assert broken(BACKENDS[claimed].facts(CELLS[claimed].volume, answers))


def test_a_thin_volume_that_nothing_was_written_to_is_well() -> None:
    answers = answered(STATUS, "0 8388608 thin 0 -\n")(CELLS[Storage.DEVMAPPER].answers)

    assert failing(Storage.DEVMAPPER, answers) == set()


@pytest.mark.parametrize("storage", [Storage.DEVMAPPER, Storage.DEVMAPPER_BLK])
def test_a_disk_that_was_plugged_in_is_on_no_command_line_and_comes_after_another(
    storage: Storage,
) -> None:
    cell = CELLS[storage]
    device = {Storage.DEVMAPPER: "scsi-hd", Storage.DEVMAPPER_BLK: "virtio-blk-pci"}[storage]
    second = {Storage.DEVMAPPER: ("/dev/sda", "/dev/sdb"), Storage.DEVMAPPER_BLK: ("vda", "vdb")}
    plugged = replaced(QEMU_COMMAND, device, "nothing")(
        replaced(MOUNTS, *second[storage])(cell.answers)
    )
    volume = dataclasses.replace(cell.volume, is_hot_plugged=True)

    assert broken(BACKENDS[storage].facts(volume, plugged)) == set()
    assert broken(BACKENDS[storage].facts(cell.volume, plugged)) == {
        ROOT,
        f"{device} in QEMU's command line",
    }
