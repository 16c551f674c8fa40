"""The cache: files named by their SHA-256, so that none can be another than it is called."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tarfile
import zlib
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from lab import files
from lab.errors import ArtefactError
from lab.scratch import left_over, scratch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.cluster.artefacts.artefact import Artefact

DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
MODE = 0o755
"""Programs are among them."""
PROGRAM_LIMIT_BYTES = 1 << 30
"""However small it is packed."""
PART = ".part-"
UNPACKED = "unpacked"


def home() -> Path:
    """Where the cache is."""
    return files.state_dir() / "artefacts"


def path_of(artefact: Artefact) -> Path:
    """Where *artefact*, whose sum is known, is or will be."""
    if artefact.sha256 is None:
        raise ValueError(f"{artefact} is not pinned")
    return home() / artefact.sha256


def has(artefact: Artefact) -> bool:
    """Whether *artefact* is there, by name and size; :func:`check` reads it, too."""
    if artefact.sha256 is None:
        return False
    path = path_of(artefact)
    return path.exists() and path.stat().st_size == artefact.size


def part_of(artefact: Artefact) -> Path:
    """Where *artefact* grows while it is fetched; the same place after an interruption."""
    return home() / f"{PART}{hashlib.sha256(artefact.address.encode()).hexdigest()}"


@contextmanager
def opened() -> Iterator[None]:
    """Change the cache: nobody else does meanwhile, and a full disk is explained."""
    with troubles_explained(home()):
        home().mkdir(parents=True, exist_ok=True)
        with files.locked(home() / ".lock"):
            for dead in left_over(home()):
                files.remove(dead)
            try:
                yield
            except OSError as error:
                if error.errno in DISK_FULL:
                    for part in home().glob(f"{PART}*"):
                        part.unlink()
                raise


def staging() -> AbstractContextManager[Path]:
    """Offer an empty directory on the cache's disk, for as long as the block."""
    return scratch("staging", among=home())


@contextmanager
def troubles_explained(place: Path) -> Iterator[None]:
    """Say of the usual troubles with a directory which one it is, and what to do."""
    try:
        yield
    except PermissionError as error:
        remedy = f"choose another directory than {place} (LAB_HOME moves the cache)"
        raise ArtefactError(f"{error.filename} cannot be written to", remedy=remedy) from error
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        remedy = f"free some 2 GB in {place}, or choose another (LAB_HOME moves the cache)"
        raise ArtefactError("the disk is full", remedy=remedy) from error


def admit(path: Path, artefact: Artefact) -> None:
    """
    Move the file *path*, which is on the cache's disk, into the cache.

    Raises:
        ArtefactError: if it is not *artefact*; then it is deleted.
    """
    check(path, artefact)
    place(path, artefact)


def place(path: Path, artefact: Artefact) -> None:
    """Move the file *path*, which is *artefact* for sure, into the cache."""
    path.chmod(MODE)
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
    path.replace(path_of(artefact))


def check(path: Path, artefact: Artefact) -> None:
    """
    Read the file *path* and compare it with the lock.

    Raises:
        ArtefactError: if it is not *artefact*; then it is deleted.
    """
    if problem := difference(path, artefact):
        path.unlink()
        remedy = "run `lab artefacts fetch` again; if the sum stays wrong, do not use what is there"
        raise ArtefactError(f"{problem}\n  the file was deleted", remedy=remedy)


def difference(path: Path, artefact: Artefact) -> str:
    """Say with both sums how the file *path* is not *artefact*; nothing if it is."""
    found = files.sha256(path)
    if found == artefact.sha256:
        return ""
    return (
        f"{artefact} has the wrong sum\n"
        f"  locked: {artefact.sha256} ({artefact.source})\n"
        f"  found:  {found} (from {artefact.address})"
    )


def program(artefact: Artefact) -> Path:
    """
    Return the program that *artefact* is, out of the compressed tar that upstream packs it in.

    Raises:
        ArtefactError: if there is none in it.
    """
    packed = path_of(artefact)
    if artefact.member is None:
        return packed
    target = home() / UNPACKED / f"{packed.name}-{artefact.member.replace('/', '-')}"
    if not target.exists():
        with troubles_explained(home()):
            files.write_atomic(target, _member(packed, artefact.member), mode=MODE)
    return target


def forget_unpacked() -> None:
    """Remove what :func:`program` has unpacked: no sum in the lock vouches for it."""
    shutil.rmtree(home() / UNPACKED, ignore_errors=True)


def _member(packed: Path, name: str) -> bytes:
    problem = f"{packed} holds no program {name}"
    try:
        with tarfile.open(packed) as archive:
            for member in archive:
                if member.name.removeprefix("./") == name and member.isreg():
                    if member.size > PROGRAM_LIMIT_BYTES:
                        problem = f"{packed} holds a program {name} of {member.size} bytes"
                        break
                    stream = archive.extractfile(member)
                    return stream.read() if stream else b""
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        problem = f"{packed} cannot be unpacked: {error}"
    remedy = "correct `member` or the address in artefacts.toml, then run `lab artefacts lock`"
    raise ArtefactError(problem, remedy=remedy)
