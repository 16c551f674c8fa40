"""
Writes ``results/<run>/`` as it happens; :mod:`lab.run` reads it back.

A crash loses at most the record in flight: records are lines, appended and fsynced one by
one; whole files are replaced, never rewritten in place.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from lab.decode import DecodeError, json_as
from lab.errors import StoreError
from lab.files import append_line, write_atomic
from lab.outcome import Evidence
from lab.owner import marked, me
from lab.records import BootEvent, BootRecord, Leaks, RunStatus
from lab.redact import is_suspect, redacted, redacted_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from lab.plan import Boot
    from lab.records import (
        Environment,
        LookRecord,
        OutcomeRecord,
        Resumption,
        RunHeader,
        Timeline,
    )
    from lab.sample import Sample

HEADER = "run.json"
ENVIRONMENT = "environment.json"
TIMELINE = "timeline.json"
LEAKS = "leaks.json"
SAMPLES = "samples.jsonl"
OUTCOMES = "outcomes.jsonl"
LOOKS = "looks.jsonl"
BOOTS = "boots.jsonl"
LINES = (SAMPLES, OUTCOMES, LOOKS, BOOTS)
EVIDENCE = "evidence"
CONSOLES = "consoles"
RAW = "raw"
CONFORMANCE = "conformance"
DIAGNOSIS = "diagnosis"
LAST = "last"

FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,199}")
"""What a name from outside must look like to become part of a path."""


@dataclass(frozen=True, slots=True)
class Store:
    """The directory of one run, while it is written."""

    path: Path
    header: RunHeader

    @classmethod
    def create(cls, root: Path, header: RunHeader) -> Store:
        """Make the run's directory under *root*, write the plan into it, point ``last`` to it."""
        with _writing(root):
            root.mkdir(parents=True, exist_ok=True)
            path = _new_directory(root, _run_id(header))
            store = cls(path, msgspec.structs.replace(header, id=path.name))
            _write_json(path / HEADER, store.header)
            for name in (EVIDENCE, CONSOLES, RAW):
                (path / name).mkdir()
            _point_last_to(path)
        return store

    @classmethod
    def reopen(cls, path: Path, header: RunHeader, resumption: Resumption) -> Store:
        """
        Go on with the run in *path*, as *header* has it.

        A last line that a crash has torn is cut off, and what it was writing otherwise removed.
        """
        with _writing(path):
            cut = tuple(name for name in LINES if _cut_torn_line(path / name))
            for unfinished in path.rglob(".*"):
                if marked(unfinished.name):
                    unfinished.unlink(missing_ok=True)
        resumed = (*header.resumptions, msgspec.structs.replace(resumption, cut=cut))
        store = cls(
            path,
            msgspec.structs.replace(
                header, status=RunStatus.RUNNING, owner=me().id, resumptions=resumed
            ),
        )
        store._replace(HEADER, store.header)
        with _writing(path):
            _point_last_to(path)
        return store

    def finish(self, status: RunStatus) -> None:
        """Record how the run ended."""
        self._replace(HEADER, msgspec.structs.replace(self.header, status=status))

    def add_sample(self, sample: Sample) -> None:
        """Append a sample; on return the disk has it."""
        self._append(SAMPLES, sample)

    def add_outcome(self, record: OutcomeRecord) -> None:
        """Append what became of a scenario; on return the disk has it."""
        self._append(OUTCOMES, record)

    def add_look(self, look: LookRecord) -> None:
        """Append what was decided after a round; on return the disk has it."""
        self._append(LOOKS, look)

    def add_boot(
        self, boot: Boot, event: BootEvent, *, first: str = "", instead_of: str = ""
    ) -> None:
        """Append what becomes of a boot to the journal; on return the disk has it."""
        self._append(
            BOOTS,
            BootRecord(
                boot=boot.id,
                event=event,
                at=datetime.now(UTC),
                first=first or boot.first,
                attempt=boot.attempt,
                instead_of=instead_of,
            ),
        )

    def add_all(self, samples: Iterable[Sample], records: Iterable[OutcomeRecord]) -> None:
        """Write what was recorded elsewhere already, all at once."""
        for name, lines in ((SAMPLES, samples), (OUTCOMES, records)):
            with self._present(self.path / name):
                text = b"".join(_encoded(line) + b"\n" for line in lines)
                write_atomic(self.path / name, text)

    def add_evidence(self, boot: str, evidence: Evidence) -> None:
        """Keep *evidence* of a boot beside what is already kept of it."""
        name = f"{EVIDENCE}/{checked_name(boot)}.json"
        path = self.path / name
        self._replace(name, [*_kept_evidence(path), evidence])

    def add_raw(self, boot: str, name: str, text: str) -> str:
        """
        Keep a tool's own report as ``raw/<boot>/<name>``.

        Returns:
            The path relative to the run's directory, for :attr:`Sample.raw`. A report is
            never overwritten: a second one of the same name gets a number.
        """
        directory = self.path / RAW / checked_name(boot)
        stem, dot, suffix = checked_name(name).rpartition(".")
        candidates = itertools.chain(
            [name], (f"{stem or suffix}-{n}{dot and '.' + suffix}" for n in itertools.count(2))
        )
        path = next(directory / each for each in candidates if not (directory / each).exists())
        with self._present(path):
            write_atomic(path, redacted(text), below=self.path)
        return path.relative_to(self.path).as_posix()

    def add_conformance(self, handler: str, name: str, text: str) -> None:
        """Keep what is known of a *handler*'s conformance: ``conformance/<handler>/<name>``."""
        path = self.path / CONFORMANCE / checked_name(handler) / checked_name(name)
        with self._present(path):
            write_atomic(path, redacted(text), below=self.path)

    def add_console(self, name: str, text: str) -> None:
        """Keep what a boot's console has said."""
        path = self.console_path(name)
        with self._present(path):
            write_atomic(path, redacted(text), below=self.path)

    def add_diagnosis(self, boot: str, name: str, data: str | bytes) -> None:
        """Keep a part of what was learnt of a boot that failed: ``diagnosis/<boot>/<name>``."""
        path = self.path / DIAGNOSIS / checked_name(boot) / checked_name(name)
        with self._present(path):
            text = redacted(data) if isinstance(data, str) else data
            write_atomic(path, text, below=self.path)

    def console_path(self, name: str) -> Path:
        """Where the console of a node or a boot is to be written, from its first byte."""
        return self.path / CONSOLES / f"{checked_name(name)}.log"

    def node_console_path(self, name: str) -> Path:
        """Where the console of a node is written; each time that a run goes on it has another."""
        times = len(self.header.resumptions)
        path = self.console_path(f"{name}-resumed-{times}" if times else name)
        with self._present(path):  # whoever starts the node makes its folder
            return path

    def set_environment(self, environment: Environment) -> None:
        """Record on what the run is measured; of one that goes on, it is on record already."""
        if not self.header.resumptions or not (self.path / ENVIRONMENT).exists():
            self._replace(ENVIRONMENT, environment)

    def set_leaks(self, leaks: Leaks) -> None:
        """Record what the run has left behind on this machine."""
        self._replace(LEAKS, leaks)

    def add_leak(self, leak: str) -> None:
        """Record one thing more that was left behind."""
        path = self.path / LEAKS
        known = json_as(path.read_bytes(), Leaks) if path.exists() else Leaks()
        self.set_leaks(msgspec.structs.replace(known, leaks=(*known.leaks, leak)))

    def set_timeline(self, timeline: Timeline) -> None:
        """Record where the time went."""
        self._replace(TIMELINE, timeline)

    def _replace(self, name: str, record: object) -> None:
        with self._present(self.path / name):
            _write_json(self.path / name, record, below=self.path)

    def _append(self, name: str, record: msgspec.Struct) -> None:
        path = self.path / name
        line = _encoded(record).decode()
        with self._present(path):
            append_line(path, line)

    @contextmanager
    def _present(self, path: Path) -> Iterator[None]:
        """Refuse to make a run's directory anew that somebody has moved or removed."""
        if not (self.path / HEADER).is_file():
            raise StoreError(
                f"cannot write {path}: the directory of the run is gone",
                remedy=f"leave {self.path} in place while the run goes on, and start it again",
            )
        with _writing(path):
            yield


def _kept_evidence(path: Path) -> list[Evidence]:
    if not path.exists():
        return []
    try:
        with _writing(path):
            return json_as(path.read_bytes(), list[Evidence])
    except DecodeError as error:
        remedy = "move it away, and make the run again"
        raise StoreError(f"{path} is damaged: {error}", remedy=remedy) from error


def write_report(path: Path, text: str) -> None:
    """Write a file that is made from a run, beside the run's own, into a folder that is there."""
    with _writing(path):
        write_atomic(path, text, below=path.parent)


def checked_name(name: str) -> str:
    """
    Let *name* through if it can be nothing but a file's name.

    Raises:
        StoreError: if it could leave its directory, hide, or surprise a shell.
    """
    if not FILE_NAME.fullmatch(name):
        raise StoreError(
            f"{name!r} cannot be the name of a file in the results",
            remedy="use letters, digits and + . _ - and begin with a letter or a digit",
        )
    return name


def _run_id(header: RunHeader) -> str:
    return checked_name(f"{header.created:%Y-%m-%dT%H-%M-%S}-{header.plan.profile}")


def _new_directory(root: Path, name: str) -> Path:
    path = root / name
    for number in itertools.count(2):
        try:
            path.mkdir()
        except FileExistsError:
            path = root / f"{name}-{number}"
        else:
            break
    return path


def _cut_torn_line(path: Path) -> bool:
    """Cut off a last line that has no end; return whether there was one."""
    if not path.exists():
        return False
    found = path.read_bytes()
    whole = found.rfind(b"\n") + 1
    if whole == len(found):
        return False
    with path.open("r+b") as stream:
        stream.truncate(whole)
        os.fsync(stream.fileno())
    return True


def _point_last_to(path: Path) -> None:
    link = path.parent / f".{LAST}-{path.name}"
    link.symlink_to(path.name)
    link.replace(path.parent / LAST)


def _write_json(path: Path, record: object, *, below: Path | None = None) -> None:
    text = msgspec.json.format(_encoded(record), indent=1) + b"\n"
    write_atomic(path, text, below=below)


def _encoded(record: object) -> bytes:
    plain = msgspec.json.encode(record)
    if not is_suspect(plain.decode()):  # a cue has no sign that JSON would write otherwise
        return plain
    return msgspec.json.encode(redacted_all(msgspec.to_builtins(record)))


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kind = error.errno or 0
        reason = os.strerror(kind) if kind else str(error)
        raise StoreError(
            f"cannot write {path}: {reason}",
            remedy=_REMEDIES.get(kind, f"see what is wrong with {path.parent}: ls -ld, df -h"),
        ) from error


_FREE_SPACE = (
    "free some space (df -h names the disk), or choose another with --output;"
    " what was measured so far is kept"
)
_WRITABLE = "choose a directory that this user may write with --output"
_REMEDIES = {
    errno.ENOSPC: _FREE_SPACE,
    errno.EDQUOT: _FREE_SPACE,
    errno.EACCES: _WRITABLE,
    errno.EPERM: _WRITABLE,
    errno.EROFS: _WRITABLE,
}
