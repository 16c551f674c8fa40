"""Images from the lock: what is there is taken, what is not is built without the mirror."""

from __future__ import annotations

import errno
import hashlib
import shutil
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from lab import files
from lab.errors import ImageError
from lab.image import debs, disk, guest, kernel, mmdebstrap, node, rootfs, tools, workload
from lab.image.entry import Entry, file
from lab.image.packages import WITH_ESSENTIAL, PackageSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.image.lock import Lock
    from lab.image.tools import Tools

Say = Callable[[str], None]
SHORT = 12
BUILDING = ".building-"
TOOLS = (disk.MKE2FS, disk.MKE2FS_CONFIG, "usr/bin/zstd")
MODULE_DIRECTORY = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class NodeImage:
    """A machine: its disk, to be used below an overlay, and how to boot it."""

    digest: str
    disk: Path
    kernel: Path
    initramfs: Path
    kernel_release: str


@dataclass(frozen=True, slots=True)
class GuestImage:
    """What QEMU boots in a sandbox; the node's disk has it too (:data:`lab.image.node.SHARE`)."""

    digest: str
    kernel: Path
    initramfs: Path


@dataclass(frozen=True, slots=True)
class WorkloadImage:
    """An OCI archive; the node's disk has it too (:data:`lab.image.node.SHARE`)."""

    digest: str
    archive: Path
    reference: str
    layer: str
    """The digest of its only layer: the name of the snapshot that containerd makes of it."""


@dataclass(frozen=True, slots=True)
class Images:
    """All that a lab is started from."""

    node: NodeImage
    guest: GuestImage
    workload: WorkloadImage


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one lock and one recipe came to: the digests name directories."""

    node: str
    guest: str
    workload: str
    kernel_release: str
    reference: str
    layer: str


def build(lock: Lock, *, say: Say) -> Images:
    """
    Return the images of *lock*; fetch and build what is not there.

    Args:
        say: Told each step in a line, before it starts.

    Raises:
        ImageError: if a package cannot be had, or there is no room.
    """
    home = files.state_dir() / "images"
    with _troubles_explained(), files.locked(home / ".lock"):
        note = home / f"{_input_digest(lock)[:SHORT]}.json"
        if record := _recorded(note, home):
            return _images(record, home)
        for left_over in home.glob(f"{BUILDING}*"):
            shutil.rmtree(left_over)
        _fetch(lock, say)
        with TemporaryDirectory(prefix=BUILDING, dir=home) as scratch:
            record = _build(lock, Path(scratch), home, say)
        files.write_atomic(note, msgspec.json.encode(record))
        return _images(record, home)


@contextmanager
def _troubles_explained() -> Iterator[None]:
    """Say of the usual troubles with a directory which one it is, and what to do."""
    try:
        yield
    except PermissionError as error:
        remedy = "choose other directories with LAB_HOME and TMPDIR"
        raise ImageError(f"{error.filename} cannot be written to", remedy=remedy) from error
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise mmdebstrap.disk_full() from error


def _recorded(note: Path, home: Path) -> _Record | None:
    if not note.exists():
        return None
    record = msgspec.json.decode(note.read_bytes(), type=_Record)
    images = _images(record, home)
    parts = (images.node.disk, images.guest.initramfs, images.workload.archive)
    return record if all(part.exists() for part in parts) else None


def _fetch(lock: Lock, say: Say) -> None:
    if missing := debs.missing(lock.packages):
        megabytes = sum(package.size for package in missing) / 1e6
        say(f"fetching {len(missing)} packages ({megabytes:.0f} MB)")
        debs.fetch(missing)


def _build(lock: Lock, scratch: Path, home: Path, say: Say) -> _Record:
    archives = {kind: scratch / f"{kind}.tar" for kind in PackageSet}
    with ExitStack() as cleanup:
        say(f"installing the node's {len(lock.of(PackageSet.NODE))} packages")
        runs = {kind: _start(lock, kind, archives[kind], cleanup) for kind in PackageSet}
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
    return _Record(
        node=_keep(_parts(scratch, "node"), home, "node"),
        guest=_keep(_parts(scratch, "guest"), home, "guest"),
        workload=_keep(_parts(scratch, "workload"), home, "workload"),
        kernel_release=release,
        reference=reference,
        layer=layer,
    )


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
    target = _parts(scratch, "workload") / "workload.tar"
    return workload.write(archives[PackageSet.WORKLOAD], target, scratch=scratch, epoch=epoch)


def _build_guest(archives: dict[PackageSet, Path], scratch: Path, programs: Tools) -> None:
    parts = _parts(scratch, "guest")
    with (
        rootfs.opened(archives[PackageSet.NODE]) as base,
        rootfs.opened(archives[PackageSet.GUEST]) as root,
    ):
        agent = tools.unpack(root, (guest.AGENT,), scratch / "agent")
        (parts / guest.INITRAMFS).write_bytes(guest.initramfs(base, root, agent))
        compressed = scratch / "vmlinux.zst"
        compressed.write_bytes(kernel.compressed_payload(kernel.image(base)))
    programs.run("usr/bin/zstd", "-q", "-d", compressed, "-o", parts / guest.KERNEL)


def _build_node(base: Path, scratch: Path, programs: Tools, *, epoch: int) -> str:
    parts = _parts(scratch, "node")
    with rootfs.opened(base) as root:
        (parts / "initramfs").write_bytes(node.initramfs(root))
        (parts / "vmlinuz").write_bytes(kernel.image(root))
        release = kernel.release(root)
    add = [*node.configuration(), *_carried(scratch)]
    archive = scratch / "disk.tar"
    rootfs.rewrite(base, archive, keep=node.keep, add=add, epoch=epoch)
    disk.make(archive, parts / "disk.img", size=node.DISK_SIZE, tools=programs, epoch=epoch)
    return release


def _parts(scratch: Path, kind: str) -> Path:
    """Name the directory where an image is put together."""
    parts = scratch / f"{kind}-image"
    parts.mkdir(exist_ok=True)
    return parts


def _carried(scratch: Path) -> list[Entry]:
    """List what the node brings along for its sandboxes."""
    return [
        file(f"{node.SHARE}/{path.name}", path.read_bytes())
        for kind in ("guest", "workload")
        for path in sorted(_parts(scratch, kind).iterdir())
    ]


def _keep(parts: Path, home: Path, kind: str) -> str:
    """Give a finished image its place, named by its digest."""
    content = hashlib.sha256()
    for path in sorted(parts.iterdir()):
        value = disk.digest(path) if path.suffix == ".img" else files.sha256(path)
        content.update(f"{path.name} {value}\n".encode())
        path.chmod(0o644)
    digest = content.hexdigest()
    target = home / f"{kind}-{digest[:SHORT]}"
    if not target.exists():
        parts.chmod(0o755)
        parts.replace(target)
    return digest


def _images(record: _Record, home: Path) -> Images:
    node_parts = home / f"node-{record.node[:SHORT]}"
    guest_parts = home / f"guest-{record.guest[:SHORT]}"
    workload_parts = home / f"workload-{record.workload[:SHORT]}"
    return Images(
        node=NodeImage(
            digest=record.node,
            disk=node_parts / "disk.img",
            kernel=node_parts / "vmlinuz",
            initramfs=node_parts / "initramfs",
            kernel_release=record.kernel_release,
        ),
        guest=GuestImage(
            digest=record.guest,
            kernel=guest_parts / guest.KERNEL,
            initramfs=guest_parts / guest.INITRAMFS,
        ),
        workload=WorkloadImage(
            digest=record.workload,
            archive=workload_parts / "workload.tar",
            reference=record.reference,
            layer=record.layer,
        ),
    )


def _input_digest(lock: Lock) -> str:
    """Digest the lock, and every line that says how an image is made of it."""
    digest = hashlib.sha256(msgspec.json.encode(lock))
    recipe = [*MODULE_DIRECTORY.glob("*.py"), *(MODULE_DIRECTORY / "data").rglob("*")]
    for path in sorted(path for path in recipe if path.is_file()):
        digest.update(f"{path.relative_to(MODULE_DIRECTORY)} {files.sha256(path)}\n".encode())
    return digest.hexdigest()
