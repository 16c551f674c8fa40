"""Images from the lock: what is there is taken, what is not is built without the mirror."""

from __future__ import annotations

import errno
import hashlib
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lab import files
from lab.decode import DecodeError, json_as
from lab.errors import ImageError
from lab.image import debs, disk, guest, mmdebstrap
from lab.image.assemble import Say, assemble, parts_of
from lab.image.packages import IN_IMAGES
from lab.scratch import left_over, scratch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.image.lock import Lock

SHORT = 12
BUILDING = "building"
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
    home = _home()
    with _troubles_explained(), files.locked(home / ".lock", say=say):
        note = _note(lock)
        if record := _recorded(note, home):
            return _images(record, home)
        for dead in left_over(home):
            files.remove(dead)
        _fetch(lock, say)
        with scratch(BUILDING, among=home) as folder:
            record = _build(lock, folder, home, say)
        files.write_atomic(note, msgspec.json.encode(record))
        return _images(record, home)


def is_built(lock: Lock) -> bool:
    """Whether the images of *lock* are there, so that :func:`build` has nothing to do."""
    with _troubles_explained():
        return _recorded(_note(lock), _home()) is not None


def already_built(lock: Lock) -> Images | None:
    """
    The images of *lock*, if they are there; nothing is built here.

    Raises:
        ImageError: if their folder cannot be read.
    """
    return build(lock, say=lambda _line: None) if is_built(lock) else None


def _home() -> Path:
    return files.state_dir() / "images"


def _note(lock: Lock) -> Path:
    """Where it is on record what *lock* came to."""
    return _home() / f"{_input_digest(lock)[:SHORT]}.json"


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
    try:
        record = json_as(note.read_bytes(), _Record)
    except DecodeError:  # it is only a note of what was built: it is built again
        return None
    images = _images(record, home)
    parts = (
        *(images.node.disk, images.node.kernel, images.node.initramfs),
        *(images.guest.kernel, images.guest.initramfs, images.workload.archive),
    )
    return record if all(part.exists() for part in parts) else None


def _fetch(lock: Lock, say: Say) -> None:
    if missing := debs.missing(lock.of(*IN_IMAGES)):
        megabytes = sum(package.size for package in missing) / 1e6
        say(f"fetching {len(missing)} packages ({megabytes:.0f} MB)")
        debs.fetch(missing)


def _build(lock: Lock, scratch: Path, home: Path, say: Say) -> _Record:
    made = assemble(lock, scratch, say)
    return _Record(
        node=_keep(parts_of(scratch, "node"), home, "node"),
        guest=_keep(parts_of(scratch, "guest"), home, "guest"),
        workload=_keep(parts_of(scratch, "workload"), home, "workload"),
        kernel_release=made.kernel_release,
        reference=made.reference,
        layer=made.layer,
    )


def _keep(parts: Path, home: Path, kind: str) -> str:
    """Give a finished image its place, named by its digest."""
    content = hashlib.sha256()
    for path in sorted(parts.iterdir()):
        value = disk.digest(path) if path.suffix == ".img" else files.sha256(path)
        content.update(f"{path.name} {value}\n".encode())
        path.chmod(0o644)
    digest = content.hexdigest()
    target = home / f"{kind}-{digest[:SHORT]}"
    if not all((target / path.name).exists() for path in parts.iterdir()):
        if target.exists():  # someone has removed a part of it
            shutil.rmtree(target)
        parts.chmod(0o755)
        files.put_in_place(parts, target)
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
    digest = hashlib.sha256(msgspec.json.encode((lock.epoch, lock.of(*IN_IMAGES))))
    recipe = [*MODULE_DIRECTORY.glob("*.py"), *(MODULE_DIRECTORY / "data").rglob("*")]
    for path in sorted(path for path in recipe if path.is_file()):
        digest.update(f"{path.relative_to(MODULE_DIRECTORY)} {files.sha256(path)}\n".encode())
    return digest.hexdigest()
