"""The locked kernel: its modules, in the order in which they load, and its bare image."""

from __future__ import annotations

import lzma
import struct
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from lab.errors import ImageError

if TYPE_CHECKING:
    from lab.image.rootfs import Rootfs

# Offsets of the boot protocol's header (Documentation/arch/x86/boot.rst).
SETUP_SECTORS_AT = 0x1F1
MAGIC_AT = 0x202
PAYLOAD_AT = 0x248
HEADER_END = 0x250
SECTOR_BYTES = 512
IMAGE_PREFIX = "boot/vmlinuz-"
HEADER_MAGIC = b"HdrS"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
SIZE_NOTE_BYTES = 4


@dataclass(frozen=True, slots=True)
class Module:
    """A kernel module, ready to be loaded."""

    name: str
    elf: bytes


def release(root: Rootfs) -> str:
    """Return the release (``uname -r``) of the only kernel installed in *root*."""
    names = [name for name in root.names() if name.startswith(IMAGE_PREFIX)]
    found = [name.removeprefix(IMAGE_PREFIX) for name in names]
    if len(found) != 1:
        problem = f"the node's root file system holds {len(found)} kernels, not one"
        raise ImageError(problem, remedy="run `lab image lock` and commit the new lock")
    return found[0]


def image(root: Rootfs) -> bytes:
    """Return the kernel itself, as the boot loader gets it."""
    return root.read(f"{IMAGE_PREFIX}{release(root)}")


def modules(root: Rootfs, wanted: tuple[str, ...]) -> tuple[Module, ...]:
    """
    Return the *wanted* modules with what they need, each after all that it needs.

    What the kernel has built in is left out: there is nothing to load.

    Raises:
        ImageError: if the kernel has no such module.
    """
    base = f"usr/lib/modules/{release(root)}"
    order = load_order(
        wanted,
        dependencies=root.read(f"{base}/modules.dep").decode(),
        builtin=root.read(f"{base}/modules.builtin").decode(),
    )
    return tuple(Module(module_name(path), _elf(root.read(f"{base}/{path}"))) for path in order)


def load_order(wanted: tuple[str, ...], *, dependencies: str, builtin: str) -> tuple[str, ...]:
    """
    Resolve module names to paths in the order in which ``insmod`` must be given them.

    Args:
        wanted: Names as ``lsmod`` prints them.
        dependencies: ``modules.dep``: a line holds a module's path and, nearest first, the
            paths of all that it needs.
        builtin: ``modules.builtin``: the paths of what the kernel has inside.
    """
    needs: dict[str, list[str]] = {}
    paths: dict[str, str] = {}
    for line in dependencies.splitlines():
        path, _, rest = line.partition(":")
        needs[path] = rest.split()
        paths[module_name(path)] = path
    inside = {module_name(path) for path in builtin.split()}
    order: dict[str, None] = {}
    for name in wanted:
        if name in inside:
            continue
        if name not in paths:
            problem = f"the kernel has no module {name}"
            raise ImageError(problem, remedy="lock a kernel that has it: `lab image lock`")
        for path in (*reversed(needs[paths[name]]), paths[name]):
            order.setdefault(path)
    return tuple(order)


def module_name(path: str) -> str:
    """
    Name a module as ``lsmod`` does.

    >>> module_name("kernel/arch/x86/kvm/kvm-amd.ko.xz")
    'kvm_amd'
    """
    return PurePosixPath(path).name.partition(".")[0].replace("-", "_")


def compressed_payload(bzimage: bytes) -> bytes:
    """
    Cut the compressed kernel proper out of a bzImage, where its header says it is.

    A hypervisor boots what is inside without the guest having to inflate it, which in an
    emulated node saves up to a second.

    Returns:
        A zstd frame, without the kernel's own note of the size that follows it.

    Raises:
        ImageError: if *bzimage* has no such header, or one that points outside, or holds
            something else than zstd.
    """
    remedy = "lock another kernel: `lab image lock`"
    magic = bzimage[MAGIC_AT : MAGIC_AT + len(HEADER_MAGIC)]
    if len(bzimage) < HEADER_END or magic != HEADER_MAGIC:
        raise ImageError("the kernel is not a bzImage", remedy=remedy)
    offset, length = struct.unpack_from("<II", bzimage, PAYLOAD_AT)
    # Zero means four, for loaders as old as the field (boot.rst, setup_sects).
    start = ((bzimage[SETUP_SECTORS_AT] or 4) + 1) * SECTOR_BYTES + offset
    payload = bzimage[start : start + length]
    if len(payload) != length or not payload.startswith(ZSTD_MAGIC):
        raise ImageError("the kernel holds no payload that zstd can inflate", remedy=remedy)
    return payload[:-SIZE_NOTE_BYTES]


def _elf(raw: bytes) -> bytes:
    return lzma.decompress(raw) if raw.startswith(b"\xfd7zXZ") else raw
