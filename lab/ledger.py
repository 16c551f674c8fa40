"""
What a lab has created: written to disk before it exists, read by whoever takes it down.

A lab has a ledger of its own, which may outlive the process that brought it up. What a process
makes besides, as images and prepared disks that are not finished yet, is in the ledger of the
process, which ends with it.
"""

from __future__ import annotations

import threading
from enum import StrEnum
from typing import IO, TYPE_CHECKING

import msgspec

from lab import owner
from lab.decode import DecodeError, json_as
from lab.errors import ProvisionError
from lab.files import append_line, hold, is_held, state_dir

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.owner import Owner

LEDGERS = "ledgers"
SUFFIX = ".jsonl"


class Kind(StrEnum):
    """The kinds of things a lab leaves behind if nobody takes them down."""

    DOMAIN = "domain"
    DISK = "disk"
    FOLDER = "folder"
    CONNECTION = "connection"
    PORT = "port"
    """Of 127.0.0.1: free again when the machine that has it ends."""
    DAEMON = "daemon"
    """Of libvirt's: it ends by itself, some time after its last client."""
    SETTING = "setting"
    """Of the host: put back by the last that needs it changed."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing: its kind, its name there, and where that is."""

    kind: Kind
    name: str
    """A domain's name, the node behind a connection, a path, or a port with its protocol."""
    where: str = ""
    """The libvirt URI of a domain; the folder of a connection's sockets; a setting as it was."""


class Ledger:
    """The entries of one lab or one process, oldest first, in a file that survives a crash."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def record(self, entry: Entry) -> None:
        """Put *entry* on disk; call it before the thing exists."""
        append_line(self.path, msgspec.json.encode(entry).decode())

    def newest_first(self) -> tuple[Entry, ...]:
        """
        All entries, in the order in which they are to be undone.

        Raises:
            ProvisionError: if it is damaged, but for a last line that is torn.
        """
        try:
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return ()
        entries = []
        for number, line in enumerate(lines, 1):
            try:
                entries.append(json_as(line, Entry))
            except DecodeError as error:
                if number < len(lines):  # only the last line may be torn: it was never acted on
                    raise ProvisionError(
                        f"{self.path}, line {number}, is damaged: {error}",
                        remedy="run `lab gc`: it goes by the marks on the things themselves, too",
                    ) from error
        return tuple(reversed(entries))


_held: dict[Path, IO[str]] = {}
"""This process's own ledgers: one in each state folder that it has used."""
_one_thread = threading.Lock()


def own() -> Ledger:
    """The ledger of this process, which nobody else takes for a dead one's while it lives."""
    path = path_of(owner.me(), state_dir())
    with _one_thread:
        if path not in _held or not path.exists():
            if stale := _held.pop(path, None):  # somebody has removed it
                stale.close()
            _held[path] = hold(path)
    return Ledger(path)


def owns_one() -> bool:
    """Whether this process has written to a ledger of its own."""
    return bool(_held)


def forget_own() -> tuple[Entry, ...]:
    """End the ledgers of this process; return what was in them, newest first."""
    entries: tuple[Entry, ...] = ()
    with _one_thread:
        while _held:
            path, stream = _held.popitem()
            with stream:
                entries += Ledger(path).newest_first()
                path.unlink(missing_ok=True)
    return entries


def path_of(who: Owner, home: Path) -> Path:
    """Where the ledger of a process is, in the state folder *home*."""
    return home / LEDGERS / f"{who.id}{SUFFIX}"


def of_processes(home: Path) -> Iterator[tuple[Owner, Ledger]]:
    """The ledgers of all processes that have used the state folder *home*."""
    for path in sorted((home / LEDGERS).glob(f"*{SUFFIX}")):
        if who := owner.Owner.parse(path.name.removesuffix(SUFFIX)):
            yield who, Ledger(path)


def is_alive(who: Owner, home: Path) -> bool:
    """
    Whether a process that uses the state folder *home* still runs.

    Where its number means nothing, as from one container to another, its ledger tells; where
    that is gone too it is taken for alive until the machine is started anew.
    """
    seen = who.is_alive()
    if seen is None:
        seen = is_held(path_of(who, home))
    return seen is not False
