"""Folders that a step needs while it works: in the ledger before they are, gone after it."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lab import ledger, owner
from lab.files import remove, state_dir
from lab.ledger import Entry, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "kata-lab-"
"""Of everything that the lab makes in a folder that is not its own."""


@contextmanager
def scratch(what: str, *, among: Path | None = None) -> Iterator[Path]:
    """
    Offer an empty folder that only its owner may enter, for as long as the block.

    Args:
        what: What it is for; a part of its name.
        among: The folder that it is made in, where it must be on the same disk: as a hidden
            one. By default that for temporary files.
    """
    if among is None:
        folder = Path(tempfile.gettempdir()) / owner.mark(f"{PREFIX}{what}")
    else:
        folder = among / owner.mark(f".{what}")
    ledger.own().record(Entry(kind=Kind.FOLDER, name=str(folder)))
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield folder
    finally:
        remove(folder)


def left_over(among: Path) -> Iterator[Path]:
    """Hidden folders and files in *among* of processes that died before they were done."""
    for path in among.glob(".*"):
        who = owner.marked(path.name)
        if who is not None and not ledger.is_alive(who, state_dir()):
            yield path
