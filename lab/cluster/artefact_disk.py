"""
The artefacts as a disk that nodes read: unpacked, at fixed places, named by what it holds.

A node has it as it has its other disks, before anything runs in it: nothing is copied into a
node, and nodes of many runs share one file.
"""

from __future__ import annotations

import hashlib
import tarfile
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from lab import files
from lab.cluster.artefacts.artefact import Kind
from lab.cluster.artefacts.cache import troubles_explained
from lab.errors import ArtefactError
from lab.image import disk
from lab.image.assemble import ZSTD
from lab.image.locked_tools import locked_tools
from lab.image.packages import PackageSet
from lab.image.rootfs import normal
from lab.scratch import left_over, scratch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lab.cluster.artefacts.artefact import Artefact
    from lab.cluster.artefacts.loaded import Artefacts
    from lab.image.lock import Lock
    from lab.image.tools import Tools

MOUNT = "/opt/lab-artefacts"
"""Where a node has it."""
DEVICE = "/dev/vdc"
RECIPE = 1
"""Counted up when the same artefacts come to another disk."""
SHORT = 12
BUILDING = "building"
RELEASE_ROOT = "opt/kata"
"""What every release of Kata has its files in."""
BLOCK_BYTES = 4096
SPARE_BYTES = 32 << 20
SPARE_SHARE = 0.1
"""For the file system's own tables."""
DAMAGED = "get it again: `lab artefacts verify`, then `lab artefacts fetch`"


def place_of(artefact: Artefact) -> str:
    """Where *artefact* is on the disk: a file, or the folder of a release that is unpacked."""
    match artefact.kind:
        case Kind.KATA:
            return f"{artefact.name}-{artefact.version}"
        case Kind.BINARY:
            return f"bin/{artefact.name}"
        case Kind.IMAGE:
            return f"images/{artefact.name.replace('/', '_').replace(':', '_')}.tar"
        case Kind.MANIFEST:
            return f"manifests/{artefact.name}.yaml"
        case Kind.ARCHIVE:
            return f"archives/{artefact.name}.tar.gz"


def path_of(artefact: Artefact) -> str:
    """Where *artefact* is on a node."""
    return f"{MOUNT}/{place_of(artefact)}"


def digest(some: Sequence[Artefact]) -> str:
    """Name the disk that holds *some* artefacts."""
    content = sorted((place_of(artefact), artefact.sha256) for artefact in some)
    return hashlib.sha256(msgspec.json.encode((RECIPE, content))).hexdigest()


def build(
    artefacts: Artefacts, some: Sequence[Artefact], lock: Lock, *, say: Callable[[str], None]
) -> Path:
    """
    Return the disk that holds *some* of the *artefacts*; make it, if it is not there.

    Args:
        lock: Of the images: it names the tools that make the disk.

    Raises:
        ArtefactError: if one is missing, or is no release of Kata; or there is no room.
    """
    home = files.state_dir() / "artefact-disks"
    tools_used = [package.sha256 for package in lock.of(PackageSet.TOOLS)]
    name = hashlib.sha256(msgspec.json.encode((digest(some), tools_used))).hexdigest()[:SHORT]
    target = home / f"{name}.img"
    with troubles_explained(home), files.locked(home / ".lock", say=say):
        if not target.exists():
            for dead in left_over(home):
                files.remove(dead)
            say(f"making the disk of {len(some)} artefacts")
            with (
                scratch(BUILDING, among=home) as folder,
                locked_tools(lock) as tools,
            ):
                unfinished = folder / "disk.img"
                _make(artefacts, some, folder, tools, target=unfinished, epoch=lock.epoch)
                unfinished.chmod(0o644)
                files.put_in_place(unfinished, target)
    return target


def _make(
    artefacts: Artefacts,
    some: Sequence[Artefact],
    scratch: Path,
    tools: Tools,
    *,
    target: Path,
    epoch: int,
) -> None:
    archive = scratch / "disk.tar"
    with tarfile.open(archive, "w:", format=tarfile.PAX_FORMAT) as content:
        for folder in sorted({place_of(artefact).split("/")[0] for artefact in some}):
            content.addfile(_folder(folder, epoch=epoch))
        for artefact in sorted(some, key=place_of):
            file = artefacts.file(artefact)
            if artefact.kind is Kind.KATA:
                unpacked = scratch / "release.tar"
                tools.run(ZSTD, "-q", "-d", "-f", file, "-o", unpacked)
                _add_release(content, unpacked, artefact, epoch=epoch)
                unpacked.unlink()
            else:
                _add_file(content, file, place_of(artefact), epoch=epoch)
    disk.make(archive, target, size=_size(archive), tools=tools, epoch=epoch)


def _folder(name: str, *, epoch: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.mtime = tarfile.DIRTYPE, 0o755, epoch
    return member


def _add_file(content: tarfile.TarFile, file: Path, place: str, *, epoch: int) -> None:
    member = tarfile.TarInfo(place)
    member.size, member.mode, member.mtime = file.stat().st_size, 0o755, epoch
    with file.open("rb") as stream:
        content.addfile(member, stream)


def _add_release(
    content: tarfile.TarFile, unpacked: Path, artefact: Artefact, *, epoch: int
) -> None:
    with tarfile.open(unpacked, "r:") as release:
        members = list(_members(release, artefact))
        if not members:
            raise _no_release(artefact, f"it has nothing in {RELEASE_ROOT}")
        for member in members:
            data = release.extractfile(member) if member.isreg() else None
            content.addfile(_moved(member, artefact, epoch=epoch), data or BytesIO())


def _members(release: tarfile.TarFile, artefact: Artefact) -> Iterator[tarfile.TarInfo]:
    """Yield what is in a release, below its root; refuse what no release has."""
    for member in release:
        name = PurePosixPath(normal(member.name))
        target = PurePosixPath(normal(member.linkname)) if member.islnk() else name
        is_known = member.isreg() or member.isdir() or member.issym() or member.islnk()
        if not is_known or ".." in name.parts + target.parts:
            raise _no_release(artefact, f"it holds {member.name!r}")
        if member.isdir() and PurePosixPath(RELEASE_ROOT).is_relative_to(name):
            continue
        if name.is_relative_to(RELEASE_ROOT) and target.is_relative_to(RELEASE_ROOT):
            yield member
        else:
            raise _no_release(artefact, f"it holds {member.name!r}, outside of {RELEASE_ROOT}")


def _moved(member: tarfile.TarInfo, artefact: Artefact, *, epoch: int) -> tarfile.TarInfo:
    """Name *member* as it is called on the disk: root's own, below the release's folder."""
    place = place_of(artefact)
    moved = tarfile.TarInfo(_below(place, normal(member.name)))
    moved.type, moved.mode, moved.mtime = member.type, member.mode, min(int(member.mtime), epoch)
    moved.size = member.size if member.isreg() else 0
    if member.islnk():
        moved.linkname = _below(place, normal(member.linkname))
    elif member.issym():
        is_own = member.linkname.startswith(f"/{RELEASE_ROOT}/")
        moved.linkname = (
            f"{MOUNT}/{_below(place, normal(member.linkname))}" if is_own else member.linkname
        )
    return moved


def _below(place: str, name: str) -> str:
    return f"{place}/{PurePosixPath(name).relative_to(RELEASE_ROOT)}"


def _size(archive: Path) -> str:
    """How large a disk must be that holds what is in *archive*, as mke2fs takes it."""
    with tarfile.open(archive, "r:") as content:
        blocks = sum(1 + -(-member.size // BLOCK_BYTES) for member in content)
    wanted = int(blocks * BLOCK_BYTES * (1 + SPARE_SHARE)) + SPARE_BYTES
    return f"{-(-wanted // BLOCK_BYTES) * BLOCK_BYTES // 1024}K"


def _no_release(artefact: Artefact, why: str) -> ArtefactError:
    return ArtefactError(f"{artefact} is no release of Kata: {why}", remedy=DAMAGED)
