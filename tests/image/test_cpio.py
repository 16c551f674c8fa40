"""The archive that the kernel unpacks."""

from __future__ import annotations

import pytest

from lab.image import cpio
from lab.image.entry import directory, file, symlink

# Magic; inode, mode, uid, gid, links, mtime, size, 4 device numbers, length of the name, checksum.
HEADER = "070701{:08X}{:08X}0000000000000000{:08X}00000000{:08X}{}{:08X}00000000"
GOLDEN = b"".join(
    (
        # One directory, made because what follows is in it.
        HEADER.format(1, 0o40755, 2, 0, "0" * 32, 4).encode() + b"bin\0\0\0",
        HEADER.format(2, 0o100755, 1, 5, "0" * 32, 7).encode() + b"bin/sh\0\0\0\0hello\0\0\0",
        HEADER.format(3, 0o120777, 1, 6, "0" * 32, 5).encode() + b"init\0\0bin/sh\0\0",
        HEADER.format(0, 0, 1, 0, "0" * 32, 11).encode() + b"TRAILER!!!\0\0\0\0",
    )
)


def test_archive_is_what_the_kernel_documents() -> None:
    packed = cpio.pack([symlink("init", "bin/sh"), file("bin/sh", b"hello", mode=0o755)])

    assert packed == GOLDEN


def test_order_of_the_entries_does_not_matter() -> None:
    entries = [file("a/b", b"1"), directory("a"), file("c", b"")]

    assert cpio.pack(entries) == cpio.pack(entries[::-1])


def test_two_entries_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="more than one entry is called init"):
        cpio.pack([file("init", b"a"), file("init", b"b")])
