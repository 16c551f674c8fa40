"""From locked packages to the parts of the three images, without the mirror."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.image import debs, disk, guest, kernel, mmdebstrap, node, rootfs, tools, workload
from lab.image.entry import Entry, file
from lab.image.packages import IN_IMAGES, WITH_ESSENTIAL, PackageSet

if TYPE_CHECKING:
    from pathlib import Path

    from lab.image.lock import Lock
    from lab.image.tools import Tools

Say = Callable[[str], None]
ZSTD = "usr/bin/zstd"
TOOLS = (disk.MKE2FS, disk.MKE2FS_CONFIG, ZSTD)


@dataclass(frozen=True, slots=True)
class Made:
    """What the parts are called inside."""

    kernel_release: str
    reference: str
    layer: str


def assemble(lock: Lock, scratch: Path, say: Say) -> Made:
    """
    Put all images together in *scratch*, from packages that are in the cache.

    The parts of each are then in its own directory: :func:`parts_of`.

    Args:
        say: Told each step in a line, before it starts.
    """
    archives = {kind: scratch / f"{kind}.tar" for kind in IN_IMAGES}
    with ExitStack() as cleanup:
        say(f"installing the node's {len(lock.of(PackageSet.NODE))} packages")
        runs = {kind: _start(lock, kind, archives[kind], cleanup) for kind in IN_IMAGES}
        for kind in (PackageSet.TOOLS, PackageSet.GUEST, PackageSet.WORKLOAD):
            runs[kind].finish(timeout_s=mmdebstrap.MAKE_TIMEOUT_S)
        with rootfs.opened(archives[PackageSet.TOOLS]) as root:
            programs = tools.unpack(root, TOOLS, scratch / "tools")
        reference, layer = _build_workload(archives, scratch, epoch=lock.epoch)
        runs[PackageSet.NODE].finish(timeout_s=mmdebstrap.MAKE_TIMEOUT_S)
    say("packing the guest")
    _build_guest(archives, scratch, programs)
    say("making the node's disk")
    release = _build_node(archives[PackageSet.NODE], scratch, programs, epoch=lock.epoch)
    return Made(kernel_release=release, reference=reference, layer=layer)


def _start(lock: Lock, kind: PackageSet, target: Path, cleanup: ExitStack) -> mmdebstrap.Run:
    packages = lock.of(kind)
    repository = cleanup.enter_context(debs.repository(packages, epoch=lock.epoch))
    installed = kind in WITH_ESSENTIAL
    run = mmdebstrap.making(
        repository,
        target,
        variant="essential" if installed else "extract",
        include=[package.name for package in packages],
        options=node.OPTIONS if installed else (),
        epoch=lock.epoch,
    )
    return cleanup.enter_context(run)


def _build_workload(
    archives: dict[PackageSet, Path], scratch: Path, *, epoch: int
) -> tuple[str, str]:
    target = parts_of(scratch, "workload") / "workload.tar"
    return workload.write(archives[PackageSet.WORKLOAD], target, scratch=scratch, epoch=epoch)


def _build_guest(archives: dict[PackageSet, Path], scratch: Path, programs: Tools) -> None:
    parts = parts_of(scratch, "guest")
    with (
        rootfs.opened(archives[PackageSet.NODE]) as base,
        rootfs.opened(archives[PackageSet.GUEST]) as root,
    ):
        agent = tools.unpack(root, (guest.AGENT,), scratch / "agent")
        (parts / guest.INITRAMFS).write_bytes(guest.initramfs(base, root, agent))
        compressed = scratch / "vmlinux.zst"
        compressed.write_bytes(kernel.compressed_payload(kernel.image(base)))
    programs.run(ZSTD, "-q", "-d", compressed, "-o", parts / guest.KERNEL)


def _build_node(base: Path, scratch: Path, programs: Tools, *, epoch: int) -> str:
    parts = parts_of(scratch, "node")
    with rootfs.opened(base) as root:
        (parts / "initramfs").write_bytes(node.initramfs(root))
        (parts / "vmlinuz").write_bytes(kernel.image(root))
        release = kernel.release(root)
    add = [*node.configuration(), *_carried(scratch)]
    archive = scratch / "disk.tar"
    rootfs.rewrite(base, archive, keep=node.keep, add=add, epoch=epoch)
    disk.make(archive, parts / "disk.img", size=node.DISK_SIZE, tools=programs, epoch=epoch)
    return release


def parts_of(scratch: Path, kind: str) -> Path:
    """Name the directory where an image is put together."""
    parts = scratch / f"{kind}-image"
    parts.mkdir(exist_ok=True)
    return parts


def _carried(scratch: Path) -> list[Entry]:
    """List what the node brings along for its sandboxes."""
    return [
        file(f"{node.SHARE}/{path.name}", path.read_bytes())
        for kind in ("guest", "workload")
        for path in sorted(parts_of(scratch, kind).iterdir())
    ]
