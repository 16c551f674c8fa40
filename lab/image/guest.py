"""The sandbox's guest: the node's kernel and a small file system that runs an agent."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from lab.image import cpio, kernel, tools
from lab.image.entry import Entry, directory, file, symlink

if TYPE_CHECKING:
    from lab.image.rootfs import Rootfs
    from lab.image.tools import Tools

KERNEL = "vmlinux"
INITRAMFS = "initramfs"
AGENT = "usr/sbin/qemu-ga"
BUSYBOX = "usr/bin/busybox"
MODULES = (
    "qemu_fw_cfg",
    "virtio_net",
    "virtio_rng",
    "virtio_blk",
    "virtio_scsi",
    "sd_mod",
    "virtio_pmem",
    "nd_pmem",
    "crc32c_generic",
    "ext4",
    "fuse",
    "virtiofs",
    "9pnet_virtio",
    "9p",
    "overlay",
)
# What /init and a setup script may use: each link costs the emulated guest some time.
APPLETS = (
    "[", "arp", "arping", "awk", "basename", "blockdev", "cat", "chmod", "chown", "cp",
    "cut", "date", "dd", "df", "dirname", "dmesg", "echo", "env", "expr", "false", "find", "free",
    "grep", "head", "hexdump", "hostname", "id", "ifconfig", "insmod", "ip", "kill", "ln", "ls",
    "lsmod", "mkdir", "mknod", "mount", "mv", "nproc", "od", "pidof", "ping",
    "poweroff", "printf", "ps", "pwd", "readlink", "realpath", "reboot", "rm", "rmdir", "route",
    "sed", "seq", "setsid", "sh", "sleep", "sort", "stat", "stty", "switch_root", "sync", "sysctl",
    "tail", "test", "time", "timeout", "touch", "tr", "true", "umount", "uname", "uptime", "usleep",
    "wc", "xargs", "xxd",
)  # fmt: skip
DATA = Path(__file__).with_name("data")


def initramfs(node: Rootfs, root: Rootfs, programs: Tools) -> bytes:
    """
    Make the guest's first file system.

    Args:
        node: Where the kernel's modules are; of the same lock, hence with the same C library.
        root: The packages of the guest.
        programs: The same, unpacked: asked for the agent's libraries.
    """
    libraries = programs.libraries((AGENT,))
    return cpio.pack(
        [
            file("init", (DATA / "guest-init.sh").read_bytes(), mode=0o755),
            file("bin/busybox", root.read(BUSYBOX), mode=0o755),
            *(symlink(f"bin/{applet}", "busybox") for applet in APPLETS),
            # Not busybox's: that one runs its own `ip` in the new root, for a bare `ip`.
            file("bin/chroot", node.read("usr/sbin/chroot"), mode=0o755),
            file("sbin/shutdown", (DATA / "guest-shutdown.sh").read_bytes(), mode=0o755),
            file(AGENT, root.read(AGENT), mode=0o755),
            file("lib64/ld-linux-x86-64.so.2", root.read(tools.LOADER), mode=0o755),
            *(file(f"lib/{PurePosixPath(path).name}", root.read(path)) for path in libraries),
            *_modules(node),
            *(directory(name) for name in ("dev", "etc", "proc", "rootfs", "run", "sys", "tmp")),
            directory("modules/loaded"),
        ]
    )


def _modules(node: Rootfs) -> list[Entry]:
    """List each module's file once, and for each name what must be loaded in which order."""
    elves: dict[str, bytes] = {}
    needs = []
    for name in MODULES:
        order = kernel.modules(node, (name,))
        elves |= {f"{module.name}.ko": module.elf for module in order}
        lines = "".join(f"{module.name}.ko\n" for module in order)
        needs.append(file(f"modules/needs/{name}", lines.encode()))
    return [*needs, *(file(f"modules/{name}", elf) for name, elf in elves.items())]
