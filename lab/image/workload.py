"""The workload: what runs in every sandbox, as an image for containerd."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from lab.errors import ImageError
from lab.image import elf, oci, rootfs, tools
from lab.image.entry import file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.image.rootfs import Rootfs

NAME = "lab.local/workload"
# No more than this: an emulated node imports some 4.5 MB/s.
PROGRAMS = frozenset(
    (
        "fio iperf3 sockperf ip ss tc bridge ethtool ping arping mount umount findmnt lsblk"
        " losetup setpriv taskset unshare nsenter flock dmesg ps pgrep pkill free sysctl"
        " getcap getfattr setcap setfattr"
        " bash dash sh find xargs grep sed [ basename cat chmod chown chroot cp cut date dd df"
        " dirname du echo env expr false fallocate head id install ln ls md5sum mkdir"
        " mkfifo mknod mktemp mv nproc od printf pwd readlink realpath rm rmdir seq sha256sum"
        " sleep sort stat sync tail tee test timeout touch tr true truncate uname uniq wc yes"
    ).split()
)
PROGRAM_DIRECTORIES = ("usr/bin", "usr/sbin")
# Where a program finds its place: directories, links and names, from base-files.
SKELETON = (
    "", "bin", "dev", "etc", "etc/debian_version", "etc/os-release", "home", "lib", "lib64", "proc",
    "root", "run", "sbin", "sys", "tmp", "usr/lib/os-release", "usr/lib64/ld-linux-x86-64.so.2",
    "var", "var/lib", "var/log", "var/run", "var/tmp",
)  # fmt: skip
FIO = "usr/bin/fio"
# Of fio's engines for storage across a network and for persistent memory; see lab.image.elf.
UNUSED_BY_FIO = frozenset(
    (
        "libgfapi.so.0 libibverbs.so.1 libnbd.so.0 libnfs.so.14 libpmem.so.1 librados.so.2"
        " librbd.so.1 librdmacm.so.1"
    ).split()
)
ETC = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


def write(packages: Path, target: Path, *, scratch: Path, epoch: int) -> tuple[str, str]:
    """
    Make the image *target*; return its reference and its layer's digest.

    Args:
        packages: The workload's packages, unpacked.
        scratch: A directory for what is needed on the way.
    """
    with rootfs.opened(packages) as root:
        fio = elf.without_libraries(root.read(FIO), UNUSED_BY_FIO)
        keep = _keep(root, scratch / "workload", {FIO: fio})
    layer = scratch / "layer.tar"
    own = [file(name, text.encode()) for name, text in ETC.items()]
    own.append(file(FIO, fio, mode=0o755))
    rootfs.rewrite(packages, layer, keep=keep.__contains__, add=own, epoch=epoch)
    return oci.write_archive(layer, target, name=NAME)


def _keep(root: Rootfs, scratch: Path, changed: Mapping[str, bytes]) -> set[str]:
    """List the programs, their libraries, and every link and directory on the way to them."""
    programs = [_find(root, name) for name in sorted(PROGRAMS)]
    unpacked = tools.unpack(root, programs, scratch)
    for name, content in changed.items():
        (scratch / name).write_bytes(content)
    libraries = unpacked.libraries(programs)
    keep = set(SKELETON)
    for name in (*programs, *libraries, tools.LOADER):
        keep |= {name, root.resolve(name)}
    for name in list(keep):
        keep.update(str(parent) for parent in PurePosixPath(name).parents if str(parent) != ".")
    return keep


def _find(root: Rootfs, program: str) -> str:
    for directory in PROGRAM_DIRECTORIES:
        if (path := f"{directory}/{program}") in root:
            return path
    problem = f"none of the workload's packages has {program}"
    raise ImageError(problem, remedy="name its package in lab/image/packages.py: `lab image lock`")
