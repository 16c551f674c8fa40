"""What a lab has created: written to disk before it exists, read by whoever takes it down."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from lab.files import append_line

if TYPE_CHECKING:
    from pathlib import Path


class Kind(StrEnum):
    """The kinds of things a lab leaves behind if nobody takes them down."""

    DOMAIN = "domain"
    CONNECTION = "connection"
    FOLDER = "folder"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing: its kind, its name there, and where that is."""

    kind: Kind
    name: str
    """A domain's name, the node behind a connection, or a folder's path."""
    where: str = ""
    """The libvirt URI of a domain; the folder that holds a connection's sockets."""


class Ledger:
    """The entries of one lab, oldest first, in a file that survives a crash."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def record(self, entry: Entry) -> None:
        """Put *entry* on disk; call it before the thing exists."""
        append_line(self.path, msgspec.json.encode(entry).decode())

    def newest_first(self) -> tuple[Entry, ...]:
        """All entries, in the order in which they are to be undone."""
        if not self.path.exists():
            return ()
        lines = self.path.read_bytes().splitlines()
        entries = []
        for number, line in enumerate(lines, 1):
            try:
                entries.append(msgspec.json.decode(line, type=Entry))
            except msgspec.DecodeError:
                if number < len(lines):  # only the last line may be torn: it was never acted on
                    raise
        return tuple(reversed(entries))
