"""
The archive that the Linux kernel unpacks as its first root file system.

Format: ``newc``, as in Documentation/driver-api/early-userspace/buffer-format.rst of
the kernel. It is left uncompressed: unpacking is then a copy, which under emulation is
faster than any decompressor.
"""

from __future__ import annotations

import stat

from lab.image.entry import Entry, with_parents

MAGIC = b"070701"
TRAILER = "TRAILER!!!"
ALIGNMENT = 4


def pack(entries: list[Entry]) -> bytes:
    """Return the archive of *entries* and the directories above them, without times."""
    packed = [_record(inode, entry) for inode, entry in enumerate(with_parents(entries), start=1)]
    return b"".join([*packed, _record(0, Entry(TRAILER, 0))])


def _record(inode: int, entry: Entry) -> bytes:
    name = entry.name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    # inode, mode, uid, gid, links, mtime, size, device (2), special device (2), name, checksum
    numbers = (inode, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, 0, 0, len(name), 0)
    header = MAGIC + b"".join(b"%08X" % number for number in numbers)
    return _padded(header + name) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % ALIGNMENT)
