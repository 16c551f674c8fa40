"""A root file system as a disk: the bytes depend on the archive and the locked e2fsprogs."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.image.tools import Tools

MKE2FS = "usr/sbin/mke2fs"
MKE2FS_CONFIG = "etc/mke2fs.conf"
# Any constants do; without them mke2fs would draw lots.
UUID = "6b617461-6c61-4b6e-8f64-650000000001"
HASH_SEED = "6b617461-6c61-4b6e-8f64-650000000002"
CHUNK_BYTES = 1 << 16


def make(archive: Path, target: Path, *, size: str, tools: Tools, epoch: int) -> None:
    """
    Make the sparse file *target* an ext4 file system that holds the tar file *archive*.

    It has no journal: it is only ever used below an overlay that is thrown away.

    Args:
        size: As mke2fs takes it: ``3G``.
    """
    tools.run(
        MKE2FS,
        *("-q", "-t", "ext4", "-m", "0", "-O", "^has_journal", "-U", UUID),
        *("-E", f"hash_seed={HASH_SEED},lazy_itable_init=0,root_owner=0:0"),
        *("-d", archive, target, size),
        env={
            "SOURCE_DATE_EPOCH": str(epoch),
            "MKE2FS_CONFIG": str(tools.directory / MKE2FS_CONFIG),
        },
    )


def digest(path: Path) -> str:
    """
    Digest a sparse file: where its bytes other than zero are, and which.

    A plain SHA-256 of three gigabytes that are mostly holes takes ten times as long.
    """
    result = hashlib.sha256(str(path.stat().st_size).encode())
    with path.open("rb", buffering=0) as stream:
        for start, end in _extents(stream.fileno()):
            for offset in range(start - start % CHUNK_BYTES, end, CHUNK_BYTES):
                chunk = os.pread(stream.fileno(), CHUNK_BYTES, offset)
                if chunk.count(0) != len(chunk):
                    result.update(b"%d:" % offset + chunk)
    return result.hexdigest()


def _extents(descriptor: int) -> Iterator[tuple[int, int]]:
    """Yield where the file has data; each chunk belongs to one extent only."""
    end, size = 0, os.fstat(descriptor).st_size
    while end < size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError:  # ENXIO: only a hole is left
            return
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        end = min(size, -(-end // CHUNK_BYTES) * CHUNK_BYTES)
        yield start, end
