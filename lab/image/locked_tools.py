"""The tools that make disks, from the lock: the same bytes on every machine."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from lab.image import debs, rootfs, tools
from lab.image.assemble import TOOLS
from lab.image.packages import PackageSet
from lab.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.image.lock import Lock


@contextmanager
def locked_tools(lock: Lock) -> Iterator[tools.Tools]:
    """
    Offer mke2fs and zstd of *lock*, for as long as the block.

    Raises:
        ImageError: if a package cannot be had.
    """
    packages = lock.of(PackageSet.TOOLS)
    if missing := debs.missing(packages):
        debs.fetch(missing)
    with scratch("tools") as folder:
        archive = folder / "tools.tar"
        debs.extract(packages, archive, epoch=lock.epoch)
        with rootfs.opened(archive) as root:
            yield tools.unpack(root, TOOLS, folder / "tools")
