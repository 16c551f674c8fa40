"""The artefacts as the rest of the lab knows them: files by name, and whose they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.cluster.artefacts import cache, lock
from lab.cluster.artefacts.artefact import Kind
from lab.errors import ArtefactError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lab.cluster.artefacts.artefact import Artefact, Lock


@dataclass(frozen=True, slots=True)
class Image:
    """A container image; *digest* is that of its manifest, which a node will quote."""

    reference: str
    digest: str
    archive: Path


@dataclass(frozen=True, slots=True)
class Kata:
    """A release of a Kata runtime: a tar, compressed by zstd, to be unpacked at ``/``."""

    name: str
    version: str
    archive: Path


@dataclass(frozen=True, slots=True)
class Artefacts:
    """
    What a lock names, as files of this machine.

    Attributes:
        lock_file: Where the lock was read.
        directory: Where the files are that stand in for upstream's; None for the cache.
    """

    lock: Lock
    lock_file: Path
    directory: Path | None = None

    @property
    def is_official(self) -> bool:
        """Whether they are upstream's, by sums that upstream published or the lab pinned."""
        return self.lock.is_official

    @property
    def digest(self) -> str:
        """A name for all of them together."""
        return self.lock.digest

    def has(self, name: str) -> bool:
        """Whether the lock names an artefact *name*: ``containerd``, for one, is a choice."""
        return self.lock.find(name) is not None

    def version(self, name: str) -> str:
        """
        Return the version of *name*; of several, the first.

        Raises:
            ArtefactError: if the lock names none.
        """
        return self._named(name).version

    def path(self, name: str) -> Path:
        """
        Return the file of *name*; of a program, the program itself.

        Raises:
            ArtefactError: if the lock names none, or it has not been fetched.
        """
        return self.file(self._named(name))

    def images(self) -> tuple[Image, ...]:
        """
        Return every container image.

        Raises:
            ArtefactError: if one has not been fetched.
        """
        return tuple(
            Image(artefact.name, artefact.digest or "", self.file(artefact))
            for artefact in self.lock.of(Kind.IMAGE)
        )

    def kata(self, name: str, version: str | None = None) -> Kata:
        """
        Return the release of ``kata-go`` or ``kata-rs``; without a version, the first.

        Raises:
            ArtefactError: if the lock names none, or it has not been fetched.
        """
        artefact = self._named(name, version)
        return Kata(artefact.name, artefact.version, self.file(artefact))

    def missing(self) -> tuple[Artefact, ...]:
        """Return what the lock names and this machine lacks."""
        return tuple(one for one in self.lock.artefacts if not self.has_file(one))

    def file(self, artefact: Artefact) -> Path:
        """
        Return the file of an artefact of this lock.

        Raises:
            ArtefactError: if it has not been fetched.
        """
        if not self.has_file(artefact):
            place = self.directory or "the cache"
            raise ArtefactError(f"{artefact} is not in {place}", remedy=self.remedy)
        if self.directory is not None:
            return self.directory / artefact.address
        return cache.program(artefact)

    @property
    def remedy(self) -> str:
        """What to run where a file is missing, or another."""
        if self.directory is not None:
            return (
                f"run `lab artefacts lock --artefacts {self.directory} --lock {self.lock_file}`,"
                " which locks what lies there now"
            )
        fetch = lock.command("fetch", self.lock_file)
        return f"run `{fetch}`, or without internet `lab artefacts import FILE`"

    def has_file(self, artefact: Artefact) -> bool:
        """Whether the file of an artefact of this lock is there."""
        if self.directory is not None:
            return (self.directory / artefact.address).is_file()
        return cache.has(artefact)

    def _named(self, name: str, version: str | None = None) -> Artefact:
        if artefact := self.lock.find(name, version):
            return artefact
        called = f"{name} {version}" if version else name
        remedy = f"add it to artefacts.toml, then run `{lock.command('lock', self.lock_file)}`"
        if self.directory is not None:
            remedy = f"put it into {self.directory}, then {self.remedy}"
        raise ArtefactError(f"{self.lock_file} names no {called}", remedy=remedy)


def load_artefacts(path: Path = lock.LOCK_FILE, directory: Path | None = None) -> Artefacts:
    """
    Read the lock at *path*: of the cache, or of a *directory* of locally built artefacts.

    Whether a file is there is asked when it is asked for, because no bench needs them all. The
    cache let in only what is locked; anybody can change a directory, so its sums are read here.

    Raises:
        ArtefactError: if there is no lock, it is of the other sort, or a file is another.
    """
    known = lock.load(path)
    if known.is_official and directory is not None:
        remedy = f"run `lab artefacts lock --artefacts {directory} --lock OTHER-FILE`"
        raise ArtefactError(f"{path} is upstream's lock, not that of {directory}", remedy=remedy)
    if not known.is_official and directory is None:
        remedy = "name the directory with --artefacts DIR"
        raise ArtefactError(f"{path} is the lock of a directory of local artefacts", remedy=remedy)
    loaded = Artefacts(known, path, directory)
    if directory is not None:
        verify(loaded, [one for one in known.artefacts if loaded.has_file(one)])
    return loaded


def verify(artefacts: Artefacts, some: Sequence[Artefact] | None = None) -> None:
    """
    Read files again and compare them with the lock; what is wrong in the cache is deleted.

    Args:
        some: Which of the artefacts; all, if it is not given.

    Raises:
        ArtefactError: if any is missing or wrong; its notes name each.
    """
    if some is None and (floating := artefacts.lock.unpinned):
        names = ", ".join(str(one.name) for one in floating)
        problem = f"{artefacts.lock_file} says nothing of what these must be: {names}"
        raise ArtefactError(problem, remedy="pin them: run `lab artefacts fetch`, keep its lock")
    chosen = artefacts.lock.artefacts if some is None else some
    problems = [problem for one in chosen if (problem := _problem(artefacts, one))]
    if artefacts.directory is None:
        cache.forget_unpacked()
    if problems:
        error = ArtefactError(
            f"{len(problems)} of {len(chosen)} artefacts are not what {artefacts.lock_file} says",
            remedy=artefacts.remedy,
        )
        error.add_note("\n".join(problems))
        raise error


def _problem(artefacts: Artefacts, artefact: Artefact) -> str:
    """Say what is wrong with one file; nothing if nothing is."""
    if not artefacts.has_file(artefact):
        return f"{artefact} is missing"
    if artefacts.directory is not None:
        return cache.difference(artefacts.directory / artefact.address, artefact)
    try:
        cache.check(cache.path_of(artefact), artefact)
    except ArtefactError as error:
        return error.problem
    return ""
