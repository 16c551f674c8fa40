"""A file, directory or symbolic link to be put into an archive, owned by root."""

from __future__ import annotations

import stat
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One member of an archive.

    Attributes:
        name: Its path from the root, without a leading slash.
        mode: Its type and permissions, as ``stat`` gives them.
        data: A file's content, or where a symbolic link leads.
    """

    name: str
    mode: int
    data: bytes = b""


def directory(name: str, *, mode: int = 0o755) -> Entry:
    """Describe a directory."""
    return Entry(name, stat.S_IFDIR | mode)


def file(name: str, data: bytes, *, mode: int = 0o644) -> Entry:
    """Describe a regular file."""
    return Entry(name, stat.S_IFREG | mode, data)


def symlink(name: str, target: str) -> Entry:
    """Describe a symbolic link."""
    return Entry(name, stat.S_IFLNK | 0o777, target.encode())


def with_parents(entries: list[Entry]) -> list[Entry]:
    """
    Sort *entries* by name, each after its directories; make the directories that lack.

    Raises:
        ValueError: if two entries have one name.
    """
    named = {entry.name: entry for entry in entries}
    if len(named) != len(entries):
        names = [entry.name for entry in entries]
        twice = sorted(name for name in named if names.count(name) > 1)
        raise ValueError(f"more than one entry is called {', '.join(twice)}")
    for entry in entries:
        parts = entry.name.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            parent = "/".join(parts[:depth])
            named.setdefault(parent, directory(parent))
    return [named[name] for name in sorted(named)]
