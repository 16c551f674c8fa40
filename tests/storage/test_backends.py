"""What each storage backend starts on the node, and what QEMU and the guest are told."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from lab.errors import SandboxError
from lab.matrix import GUEST_STORAGES, Storage
from lab.outcome import SUPPORTED
from lab.storage import BACKENDS
from lab.storage.backend import Snapshotter, Volume, forget_file, volume_of
from lab.topology import Binary, NodeSpec, Topology

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "/run/kata-lab/boot7"
TOPOLOGY = Topology(
    name="bench",
    nodes=(NodeSpec(name="node-1", cpus=2, memory_mib=4096, pool_gib=8),),
    virtiofsd=Binary(binary="/opt/virtiofsd"),
)
OVERLAY = Volume(
    snapshotter=Snapshotter.OVERLAYFS,
    key="boot7",
    mount=("mount", "-t", "overlay", "overlay", f"{FOLDER}/shared/rootfs", "-o", "lowerdir=/a b"),
    folder=FOLDER,
)
THIN = Volume(
    snapshotter=Snapshotter.DEVMAPPER,
    key="boot7",
    mount=("mount", "-t", "ext4", "/dev/mapper/lab-pool-snap-9", f"{FOLDER}/shared/rootfs"),
    folder=FOLDER,
)
VOLUMES = {
    Storage.VIRTIOFS: OVERLAY,
    Storage.VIRTIOFS_DAX: OVERLAY,
    Storage.NINEP: OVERLAY,
    Storage.DEVMAPPER: THIN,
    Storage.DEVMAPPER_BLK: THIN,
    Storage.PMEM_DAX: THIN,
}
SOCKET = ("-chardev", f"socket,id=char-fs,path={FOLDER}/vhost-fs.sock")
VHOST_USER = "vhost-user-fs-pci,chardev=char-fs,tag=kataShared,queue-size=1024"
DEVICE = "/dev/mapper/lab-pool-snap-9"
CACHE = "aio=io_uring,cache.direct=off,cache.no-flush=off"
BLOCKDEV = ("-blockdev", f"driver=host_device,node-name=drive-0,filename={DEVICE},{CACHE}")
QEMU = {
    Storage.VIRTIOFS: (*SOCKET, "-device", VHOST_USER),
    Storage.VIRTIOFS_DAX: (*SOCKET, "-device", f"{VHOST_USER},cache-size=256M"),
    Storage.NINEP: (
        "-fsdev",
        f"local,id=extra-9p-kataShared,path={FOLDER}/shared,security_model=none,multidevs=remap",
        "-device",
        "virtio-9p-pci,disable-modern=true,fsdev=extra-9p-kataShared,mount_tag=kataShared",
    ),
    Storage.DEVMAPPER: (
        *BLOCKDEV,
        "-device",
        "scsi-hd,drive=drive-0,bus=scsi0.0,scsi-id=0,lun=0,share-rw=on",
    ),
    Storage.DEVMAPPER_BLK: (
        *BLOCKDEV,
        "-device",
        "virtio-blk-pci,disable-modern=true,drive=drive-0,share-rw=on",
    ),
    Storage.PMEM_DAX: (
        "-object",
        "memory-backend-file,id=pmem0,share=on,mem-path=/dev/mapper/lab-pool-snap-9,size=4096M",
        "-device",
        "virtio-pmem-pci,memdev=pmem0",
    ),
}
SHARE = "/run/kata-containers/shared/containers"
BIND = f"mount -o bind {SHARE}/rootfs /rootfs"
NINEP_OPTIONS = "trans=virtio,version=9p2000.L,cache=mmap,nodev,msize=8192"
LAST_MOUNTS = {
    Storage.VIRTIOFS: (f"mount -t virtiofs kataShared {SHARE}", BIND),
    Storage.VIRTIOFS_DAX: (f"mount -t virtiofs -o dax kataShared {SHARE}", BIND),
    Storage.NINEP: (
        f"mount -t 9p -o {NINEP_OPTIONS} kataShared {SHARE}",
        BIND,
    ),
    Storage.DEVMAPPER: ("done", "mount -t ext4 /dev/sda /rootfs"),
    Storage.DEVMAPPER_BLK: ("done", "mount -t ext4 /dev/vda /rootfs"),
    Storage.PMEM_DAX: ("done", "mount -t ext4 -o dax /dev/pmem0 /rootfs"),
}
IS_SHARED = {storage: volume is OVERLAY for storage, volume in VOLUMES.items()}


@pytest.mark.parametrize("storage", BACKENDS)
def test_qemu_is_told_so(storage: Storage) -> None:
    assert BACKENDS[storage].qemu(VOLUMES[storage]) == QEMU[storage]


@pytest.mark.parametrize("storage", BACKENDS)
def test_the_guest_mounts_its_root_so(storage: Storage) -> None:
    assert BACKENDS[storage].mount()[-2:] == LAST_MOUNTS[storage]


@pytest.mark.parametrize("storage", BACKENDS)
def test_a_folder_comes_from_overlayfs_and_a_device_from_devmapper(storage: Storage) -> None:
    snapshotter = BACKENDS[storage].SNAPSHOTTER

    assert snapshotter is (Snapshotter.OVERLAYFS if IS_SHARED[storage] else Snapshotter.DEVMAPPER)


@pytest.mark.parametrize("storage", BACKENDS)
def test_only_a_folder_is_mounted_on_the_node_and_then_unmounted(storage: Storage) -> None:
    attach = BACKENDS[storage].attach(VOLUMES[storage], TOPOLOGY)
    detach = BACKENDS[storage].detach(VOLUMES[storage])

    if IS_SHARED[storage]:
        assert attach[0] == f"mount -t overlay overlay {FOLDER}/shared/rootfs -o 'lowerdir=/a b'"
        assert detach[-1] == f"umount {FOLDER}/shared/rootfs"
    else:
        assert (attach, detach) == ((), ())


@pytest.mark.parametrize("storage", BACKENDS)
def test_the_node_forgets_the_file_or_all_of_its_device(storage: Storage) -> None:
    line = BACKENDS[storage].forget(VOLUMES[storage], "/lab/a b")

    if IS_SHARED[storage]:
        assert line.startswith(f"dd 'of={FOLDER}/shared/rootfs/lab/a b' oflag=nocache ")
    else:
        assert line == "blockdev --flushbufs /dev/mapper/lab-pool-snap-9"


@pytest.mark.parametrize("storage", BACKENDS)
def test_the_guest_loads_what_it_needs_before_it_mounts(storage: Storage) -> None:
    modules = BACKENDS[storage].MODULES

    assert modules
    assert ("ext4" in modules) is not IS_SHARED[storage]
    assert ("crc32c_generic" in modules) is not IS_SHARED[storage], "or ext4 refuses the volume"


@pytest.mark.parametrize("storage", [*GUEST_STORAGES[:1], *GUEST_STORAGES[2:]])
def test_what_every_node_has_is_supported_unasked(storage: Storage) -> None:
    assert BACKENDS[storage].requirements(TOPOLOGY) == {}
    assert BACKENDS[storage].support({}) is SUPPORTED


@pytest.mark.parametrize("storage", [Storage.VIRTIOFS, Storage.VIRTIOFS_DAX])
def test_the_daemon_of_the_topology_is_started_with_katas_options(storage: Storage) -> None:
    lines = BACKENDS[storage].attach(OVERLAY, TOPOLOGY)

    assert lines[1] == (
        f"setsid /opt/virtiofsd --socket-path={FOLDER}/vhost-fs.sock --shared-dir={FOLDER}/shared"
        " --cache=auto --thread-pool-size=1 --announce-submounts"
        f" >{FOLDER}/virtiofsd.log 2>&1 </dev/null &"
    )
    assert lines[2] == f"echo $! >{FOLDER}/virtiofsd.pid"


@pytest.mark.parametrize("storage", BACKENDS)
def test_every_script_is_one_that_a_shell_understands(storage: Storage) -> None:
    backend, volume = BACKENDS[storage], VOLUMES[storage]
    lines = (
        *backend.attach(volume, TOPOLOGY),
        *backend.detach(volume),
        backend.forget(volume, "/lab/file"),
        *backend.mount(),
        *backend.node_questions(volume).values(),
        *backend.requirements(TOPOLOGY).values(),
    )

    done = subprocess.run(
        ["/bin/sh", "-n"], input="\n".join(lines), capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_a_guest_gives_a_disk_that_does_not_come_up_after_5_s(tmp_path: Path) -> None:
    waits = BACKENDS[Storage.DEVMAPPER].mount()[:-1]
    script = f"usleep() {{ echo $1 >>{tmp_path}/slept; }}\n" + "\n".join(waits)

    done = subprocess.run(
        ["/bin/sh"], input=script.replace("/dev/sda", "/dev/lab-none"), capture_output=True,
        text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stdout == "no /dev/lab-none\n"
    slept_us = [int(line) for line in (tmp_path / "slept").read_text().splitlines()]
    assert 4.5e6 < sum(slept_us) <= 5e6


def test_a_file_is_forgotten_without_a_change_of_its_contents(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("measured")

    subprocess.run([str(shutil.which("dd")), *forget_file(str(path))[1:]], check=True)

    assert path.read_text() == "measured"


def test_a_volume_is_what_the_snapshotter_printed() -> None:
    printed = f"mount -t ext4 /dev/mapper/lab-pool-snap-9 {FOLDER}/shared/rootfs\n"

    volume = volume_of(printed, snapshotter=Snapshotter.DEVMAPPER, key="boot7", folder=FOLDER)

    assert volume == THIN
    assert volume.device == "/dev/mapper/lab-pool-snap-9"
    assert volume.target == f"{FOLDER}/shared/rootfs"


@pytest.mark.parametrize(
    "printed",
    ["", "\n", 'ctr: snapshot "boot7": already exists\n', "ctr: failed to mount: no space\n"],
)
def test_a_snapshotter_that_prepares_nothing_is_refused_with_its_words(printed: str) -> None:
    with pytest.raises(SandboxError) as caught:
        volume_of(printed, snapshotter=Snapshotter.OVERLAYFS, key="boot7", folder=FOLDER)
    assert caught.value.problem == (
        f"containerd's overlayfs snapshotter prepared nothing: {printed.strip()}"
    )
