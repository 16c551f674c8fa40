"""Which code measures: a digest of the lab's own files, the scenarios and what extends them."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING

from lab import extensions
from lab.places import LAB, SCENARIOS, SHARE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHORT = 12
SKIPPED = {"__pycache__"}


@cache
def digest() -> str:
    """
    The digest of all files that a run is made by, whatever their version says.

    It is the same for a checkout and for what was installed from it.
    """
    found = hashlib.sha256()
    own = sorted({each.code() for each in extensions.that_measure()})
    for root in (LAB, SCENARIOS, *own):
        for path in sorted(_files(root)):
            found.update(f"{path.relative_to(root.parent)}\0".encode())
            found.update(path.read_bytes())
    return found.hexdigest()[:SHORT]


def _files(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
    for path in root.rglob("*"):
        if path.is_file() and not SKIPPED & set(path.relative_to(root).parts):
            if root == LAB and path.is_relative_to(
                SHARE
            ):  # what is of it counts as it would beside
                continue
            yield path
