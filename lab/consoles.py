"""What machines said: the consoles of labs that are up and of runs, found by name and followed."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from lab import labs
from lab.errors import LabError, UsageError
from lab.run import find_run
from lab.store import CONSOLES
from lab.wait import pause

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

POLL_S = 0.5


def known(root: Path, run: str) -> Mapping[str, Path]:
    """The consoles that there are, by name: of the nodes that are up, and of *run* in *root*."""
    found: dict[str, Path] = {}
    for _, record in reversed(list(labs.records())):
        for node in record.nodes if record else ():
            found.setdefault(node.name, Path(node.console))
    try:
        folder = find_run(root, run) / CONSOLES
    except LabError:
        if run != "last":
            raise
        return found
    for path in sorted(folder.glob("*.log")):
        found.setdefault(path.stem, path)
    return found


def find(name: str, among: Mapping[str, Path]) -> Path:
    """
    The console called *name*; of a boot, its cell is enough if it has but one.

    Raises:
        UsageError: if there is none, with the nearest.
    """
    if name in among:
        return among[name]
    of_cell = [each for each in among if each.startswith(f"{name}-r")]
    if len(of_cell) == 1:
        return among[of_cell[0]]
    near = of_cell or difflib.get_close_matches(name, among, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    raise UsageError(
        f"there is no console {name!r}",
        remedy=f"{hint}`lab logs` lists them. A container without a guest has none, and that of a"
        " sandbox is kept when it ends",
    )


def tail(path: Path, lines: int | None) -> str:
    """The last *lines* of a console; None is all of it. One that is still to come is empty."""
    text = _read(path, 0)[0]
    return text if lines is None else "".join(text.splitlines(keepends=True)[-lines:])


def follow(path: Path) -> Iterator[str]:
    """What is added to a console from now on, for ever; one that is begun anew is told whole."""
    place = path.stat().st_size if path.exists() else 0
    while True:
        if path.exists() and path.stat().st_size < place:
            place = 0
        text, place = _read(path, place)
        if text:
            yield text
        else:
            pause(POLL_S)


def _read(path: Path, place: int) -> tuple[str, int]:
    try:
        with path.open("rb") as stream:
            stream.seek(place)
            said = stream.read()
    except FileNotFoundError:
        return "", place
    return said.decode(errors="replace"), place + len(said)
