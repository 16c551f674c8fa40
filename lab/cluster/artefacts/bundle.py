"""One file for a machine without internet: the lock, and everything that it names."""

from __future__ import annotations

import shutil
import tarfile
from contextlib import contextmanager
from io import BytesIO
from typing import IO, TYPE_CHECKING, NoReturn

from lab import files
from lab.cluster.artefacts import cache, lock
from lab.errors import ArtefactError, UsageError
from lab.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.cluster.artefacts.artefact import Artefact, Lock
    from lab.cluster.artefacts.fetch import Say

_Member = tuple[tarfile.TarInfo, IO[bytes] | None]

LOCK_NAME = "artefacts.lock.toml"
FOLDER = "sha256/"
LOCK_LIMIT_BYTES = 1 << 20


def write(target: Path, path: Path = lock.LOCK_FILE) -> None:
    """
    Write the lock at *path* and its artefacts into one tar, the same bytes each time.

    Raises:
        ArtefactError: if one is not in the cache, or is damaged there.
    """
    known = lock.load_official(path)
    with cache.opened():
        for artefact in known.artefacts:
            if not cache.has(artefact):
                remedy = f"run `{lock.command('fetch', path)}`"
                raise ArtefactError(f"{artefact} is not in the cache", remedy=remedy)
            cache.check(cache.path_of(artefact), artefact)
        with cache.troubles_explained(target.parent):
            target.parent.mkdir(parents=True, exist_ok=True)
            with scratch("bundle", among=target.parent) as folder:
                whole = folder / "bundle"
                _pack(known, whole)
                whole.replace(target)


def take_in(source: Path, path: Path = lock.LOCK_FILE, *, say: Say) -> Lock:
    """
    Put the artefacts of the bundle *source* into the cache, all or none.

    The lock at *path* decides; sums that it lacks are pinned to the bundle's. Where there is no
    lock, the bundle's is taken. Names in the bundle are compared, and never become paths.

    Raises:
        UsageError: if there is no such file.
        ArtefactError: if it is no bundle, holds anything else, or is of another lock.
    """
    if not source.is_file():
        raise UsageError(
            f"there is no bundle {source}", remedy="name a file of `lab artefacts bundle`"
        )
    with cache.opened(), cache.staging() as staging, _members(source) as members:
        offered = _lock_of(members, source)
        known = _agreed(offered, source, path, say)
        contents = _contents(known)
        _unpack(members, contents, staging, source)
        for artefact in contents.values():
            cache.check(staging / cache.path_of(artefact).name, artefact)
        for artefact in contents.values():
            cache.place(staging / cache.path_of(artefact).name, artefact)
        if not path.exists() or lock.load(path) != known:
            lock.write(path, known)
    return known


def _pack(known: Lock, target: Path) -> None:
    with tarfile.open(target, "w:", format=tarfile.PAX_FORMAT) as archive:
        text = lock.render(known).encode()
        archive.addfile(_nobodys(LOCK_NAME, len(text)), BytesIO(text))
        for name, artefact in sorted(_contents(known).items()):
            path = cache.path_of(artefact)
            with path.open("rb") as stream:
                archive.addfile(_nobodys(name, path.stat().st_size), stream)


def _contents(known: Lock) -> dict[str, Artefact]:
    """Name each file of a bundle once: two artefacts can be the same file."""
    return {f"{FOLDER}{artefact.sha256}": artefact for artefact in known.artefacts}


@contextmanager
def _members(source: Path) -> Iterator[Iterator[_Member]]:
    """Offer what is in a bundle, one after the other; it is read once, from front to back."""
    try:
        with tarfile.open(source, "r|") as archive:
            yield (
                (member, archive.extractfile(member) if _is_plain(member) else None)
                for member in archive
            )
    except tarfile.TarError as error:
        _refuse(source, f"cannot be read: {error}")


def _is_plain(member: tarfile.TarInfo) -> bool:
    """Whether it is a file and nothing else: no link, no device, no file with holes."""
    return member.type in {tarfile.REGTYPE, tarfile.AREGTYPE} and not member.issparse()


def _lock_of(members: Iterator[_Member], source: Path) -> Lock:
    member, stream = next(members, (tarfile.TarInfo(), None))
    if member.name != LOCK_NAME or stream is None:
        _refuse(source, f"does not begin with {LOCK_NAME}")
    if member.size > LOCK_LIMIT_BYTES:
        _refuse(source, f"has a lock of {member.size} bytes")
    offered = lock.parse(stream.read(), name=f"{source}: {LOCK_NAME}")
    if not offered.is_official or offered.unpinned:
        _refuse(source, "has a lock that is not upstream's, or that lacks sums")
    return offered


def _agreed(offered: Lock, source: Path, path: Path, say: Say) -> Lock:
    """Return our own lock with the sums that only the bundle knows; without one, the bundle's."""
    if not path.exists():
        say(f"there is no lock {path}: the bundle's is taken")
        return offered
    ours = lock.load_official(path)
    remedy = f"take it with its own lock: `lab artefacts import {source} --lock NEW-FILE`"
    if difference := _difference(ours, offered):
        raise ArtefactError(f"{source} is of another lock than {path}: {difference}", remedy=remedy)
    for artefact in ours.unpinned:
        if pinned := offered.find(*artefact.key):
            say(f"pinned {pinned} to the bundle's: sha256 {pinned.sha256}")
            ours = ours.with_artefact(pinned)
    return ours


def _difference(ours: Lock, offered: Lock) -> str:
    """Say where two locks do not mean the same files; nothing if they do."""
    keys = [{artefact.key for artefact in one.artefacts} for one in (ours, offered)]
    if differing := sorted(keys[0] ^ keys[1]):
        return f"{' '.join(differing[0])} is in one of them only"
    for artefact in ours.artefacts:
        other = offered.find(*artefact.key)
        if other is None or (artefact.address, artefact.digest) != (other.address, other.digest):
            return f"{artefact} is from another address"
        if artefact.sha256 not in {None, other.sha256}:
            return f"{artefact} has sha256 {artefact.sha256} here and {other.sha256} there"
    return ""


def _unpack(
    members: Iterator[_Member], contents: dict[str, Artefact], staging: Path, source: Path
) -> None:
    missing = dict(contents)
    for member, stream in members:
        artefact = missing.pop(member.name, None)
        if artefact is None:
            _refuse(source, f"holds {member.name!r}, which is no artefact of its lock, or twice")
        if stream is None or member.size != artefact.size:
            _refuse(source, f"holds {member.name!r}, which is no file of {artefact.size} bytes")
        with (staging / cache.path_of(artefact).name).open("xb") as target:
            shutil.copyfileobj(stream, target, files.CHUNK_BYTES)
    for artefact in missing.values():
        _refuse(source, f"lacks {artefact}")


def _nobodys(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)  # without a date or an owner
    member.size = size
    return member


def _refuse(source: Path, problem: str) -> NoReturn:
    remedy = "make it again with `lab artefacts bundle`, and compare its sha256sum on both sides"
    raise ArtefactError(f"the bundle {source} {problem}", remedy=remedy)
