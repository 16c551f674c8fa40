"""
The emulator: QEMU from the lock, for machines whose own would lose a node.

Before QEMU 10.2 its emulation of a processor that can nest (SVM) drops interrupts: vmrun changes
the set of pending ones without the lock under which devices add theirs (svm_helper.c; the author
of the repair says so in qemu-devel, "cpu_set_interrupt", August 2025). Before 8.1 it may also run
code that another processor has just rewritten, and the node's kernel rewrites KVM's own with each
guest. Either ends guests or the node, about once in fifty boots.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from typing import TYPE_CHECKING

from lab import files
from lab.image import debs, rootfs, tools
from lab.image.packages import PackageSet
from lab.scratch import scratch

if TYPE_CHECKING:
    from pathlib import Path

    from lab.image.assemble import Say
    from lab.image.lock import Lock, Package

SOUND_SINCE = (10, 2)
"""The first QEMU whose vmrun keeps interrupts."""
PROGRAM = "qemu-system-x86_64"
QEMU = f"usr/bin/{PROGRAM}"
FIRMWARE = (
    "usr/share/seabios/bios-256k.bin",
    "usr/share/qemu/kvmvapic.bin",
    "usr/share/qemu/linuxboot_dma.bin",
    "usr/share/qemu/efi-virtio.rom",
)
BUNDLE = "qemu-bundle"
"""A folder of this name beside the running file is where QEMU looks for all its own
(get_relocated_path in util/cutils.c): so it takes nothing of the machine's QEMU."""
SHORT = 12

_START = f"""\
#!/bin/sh
here=${{0%/*}}
exec "$here/ld.so" --inhibit-cache --library-path "$here/{BUNDLE}/{tools.LIBRARIES}" \\
    --argv0 "$0" "$here/{BUNDLE}/{QEMU}" "$@"
"""


def build(lock: Lock, *, say: Say) -> Path:
    """
    Return the emulator of *lock* as a program; fetch and unpack it if it is not there.

    Raises:
        ImageError: if a package cannot be had, or there is no room.
    """
    packages = lock.of(PackageSet.EMULATOR)
    home = files.state_dir() / "images"
    target = home / f"emulator-{_digest(packages)[:SHORT]}"
    with files.locked(home / ".emulator.lock", say=say):
        if not target.exists():
            if missing := debs.missing(packages):
                megabytes = sum(package.size for package in missing) / 1e6
                say(f"fetching the emulator ({megabytes:.0f} MB)")
                debs.fetch(missing)
            with scratch("building-emulator", among=home) as folder:
                unfinished = folder / "emulator"
                _unpack(packages, folder / "emulator.tar", unfinished, epoch=lock.epoch)
                files.put_in_place(unfinished, target)
    return target / PROGRAM


def is_sound(version: str) -> bool:
    """Whether a QEMU that says *version* (``QEMU emulator version 10.0.2``) keeps a node."""
    match = re.search(r"version (\d+)\.(\d+)", version)
    return match is not None and (int(match[1]), int(match[2])) >= SOUND_SINCE


def _digest(packages: tuple[Package, ...]) -> str:
    content = "".join(f"{package.name} {package.sha256}\n" for package in packages) + _START
    return hashlib.sha256(content.encode()).hexdigest()


def _unpack(packages: tuple[Package, ...], archive: Path, target: Path, *, epoch: int) -> None:
    debs.extract(packages, archive, epoch=epoch)
    with rootfs.opened(archive) as root:
        bundle = target / BUNDLE
        tools.unpack(root, (QEMU, *FIRMWARE), bundle)
    shutil.copy(bundle / tools.LOADER, target / "ld.so")
    start = target / PROGRAM
    start.write_text(_START, encoding="utf-8")
    start.chmod(0o755)
    target.chmod(0o755)
