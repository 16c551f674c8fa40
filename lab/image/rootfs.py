"""A root file system in a tar archive: read without unpacking it, rewritten reproducibly."""

from __future__ import annotations

import io
import posixpath
import stat
import tarfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lab.errors import ImageError
from lab.image.entry import Entry, with_parents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

RELOCK = "run `lab image lock` and commit the new lock"
MAX_LINKS = 16
_TAR_TYPES = {
    stat.S_IFDIR: tarfile.DIRTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFREG: tarfile.REGTYPE,
}


class Rootfs:
    """The members of an archive, by path from its root: ``usr/bin/env``."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._members = {normal(member.name): member for member in archive}

    def names(self) -> list[str]:
        """Every path, sorted."""
        return sorted(self._members)

    def resolve(self, path: str) -> str:
        """
        Follow the symbolic links in every part of *path*, as the kernel would.

        Raises:
            ImageError: if it leads nowhere.
        """
        todo, done = normal(path).split("/"), ""
        for _ in range(MAX_LINKS * len(todo)):
            if not todo:
                return done
            done = posixpath.join(done, todo.pop(0))
            member = self._members.get(done)
            if member is None:
                break
            if member.issym():
                target = posixpath.join("/", posixpath.dirname(done), member.linkname)
                todo, done = [*normal(posixpath.normpath(target)).split("/"), *todo], ""
        raise ImageError(f"{path} is not in the packages of the image", remedy=RELOCK)

    def __contains__(self, path: str) -> bool:
        return path in self._members

    def read(self, path: str) -> bytes:
        """Return the content of the file at *path*, through symbolic and hard links."""
        stream = self._archive.extractfile(self._members[self.resolve(path)])
        if stream is None:
            raise ImageError(f"{path} is not a file in the packages of the image", remedy=RELOCK)
        return stream.read()


@contextmanager
def opened(path: Path) -> Iterator[Rootfs]:
    """
    Read the archive at *path* in the block.

    Raises:
        ImageError: if it is none, or is cut off.
    """
    with _whole(path), tarfile.open(path, "r:") as archive:
        yield Rootfs(archive)


def rewrite(
    source: Path,
    target: Path,
    *,
    keep: Callable[[str], bool],
    add: Sequence[Entry] = (),
    epoch: int,
) -> None:
    """
    Copy what *keep* says of an archive, and with it *add*, which goes before its likes.

    Members come sorted, with the numbers of their owners only and no time after *epoch*
    (seconds since 1970), so that the bytes depend on nothing else.
    """
    added = {entry.name: entry for entry in with_parents(list(add))}
    with (
        _whole(source),
        tarfile.open(source, "r:") as old,
        tarfile.open(target, "w:", format=tarfile.PAX_FORMAT) as new,
    ):
        kept = {
            name: member
            for member in old
            if keep(name := normal(member.name)) and (member.isdir() or name not in added)
        }
        for name in sorted(kept.keys() | added.keys()):
            if name in kept:
                _copy(kept[name], old, new, epoch=epoch)
            else:
                _add(added[name], new, epoch=epoch)


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """What is wrong with the archive at *path* is an error that says so."""
    try:
        yield
    except (tarfile.TarError, EOFError) as error:
        remedy = "see whether the disk is full, and build the image again: `lab image build`"
        raise ImageError(f"{path} is no whole archive: {error}", remedy=remedy) from error


def normal(name: str) -> str:
    """
    Write a member's name as a path from the root.

    >>> normal("./usr/bin/")
    'usr/bin'
    """
    return name.removeprefix("./").strip("/")


def _copy(
    member: tarfile.TarInfo, old: tarfile.TarFile, new: tarfile.TarFile, *, epoch: int
) -> None:
    data = old.extractfile(member) if member.isreg() else None
    member.mtime = min(int(member.mtime), epoch)
    member.uname = member.gname = ""
    member.pax_headers = {
        key: value for key, value in member.pax_headers.items() if key.startswith("SCHILY.xattr.")
    }
    new.addfile(member, data)


def _add(entry: Entry, new: tarfile.TarFile, *, epoch: int) -> None:
    member = tarfile.TarInfo(f"./{entry.name}")
    member.type = _TAR_TYPES[stat.S_IFMT(entry.mode)]
    member.mode = stat.S_IMODE(entry.mode)
    member.mtime = epoch
    if stat.S_ISLNK(entry.mode):
        member.linkname = entry.data.decode()
        new.addfile(member)
    else:
        member.size = len(entry.data)
        new.addfile(member, io.BytesIO(entry.data))
