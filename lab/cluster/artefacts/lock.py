"""The lock as a file: read strictly, written so that a change of one artefact is a few lines."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from lab import files
from lab.cluster.artefacts.artefact import Artefact, Lock
from lab.decode import DecodeError, toml_as
from lab.errors import ArtefactError

LOCK_FILE = Path(__file__).parent.parent / "artefacts.lock.toml"
HEADER = "# Made by `lab artefacts lock`; `lab artefacts fetch` adds sums that nobody publishes.\n"


def load(path: Path = LOCK_FILE) -> Lock:
    """
    Read a lock.

    Raises:
        ArtefactError: if it is missing or damaged.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        remedy = (
            f"run `{command('lock', path)}`, which needs the internet,"
            " or `lab artefacts import FILE`"
        )
        raise ArtefactError(f"there is no lock {path}", remedy=remedy) from None
    except OSError as error:
        remedy = "name a file that can be read with --lock"
        raise ArtefactError(f"{path}: {error.strerror}", remedy=remedy) from error
    return parse(raw, name=str(path))


def load_official(path: Path = LOCK_FILE) -> Lock:
    """
    Read a lock of upstream's artefacts.

    Raises:
        ArtefactError: if it is missing, damaged, or the lock of a directory.
    """
    lock = load(path)
    if not lock.is_official:
        remedy = "name another file with --lock; what lies in a directory stays there"
        raise ArtefactError(f"{path} is the lock of a directory, not of upstream", remedy=remedy)
    return lock


def parse(raw: bytes, *, name: str) -> Lock:
    """
    Read the text of a lock that is called *name* in errors.

    Raises:
        ArtefactError: if it is damaged.
    """
    try:
        return toml_as(raw, Lock)
    except DecodeError as error:
        remedy = "write it anew with `lab artefacts lock`"
        raise ArtefactError(f"{name} is damaged: {error}", remedy=remedy) from error


def write(path: Path, lock: Lock) -> None:
    """Write *lock* to *path*, whole or not at all."""
    files.write_atomic(path, render(lock))


def render(lock: Lock) -> str:
    """Write a lock as TOML."""
    lines = [HEADER, f"official = {json.dumps(lock.is_official)}"]
    for artefact in lock.artefacts:
        lines += ["", "[[artefact]]", *_assignments(artefact)]
    if not lock.artefacts:
        lines.append("artefact = []")
    return "\n".join(lines) + "\n"


def command(verb: str, path: Path) -> str:
    """The command line of a verb for the lock at *path*, to be named in remedies."""
    return f"lab artefacts {verb}" + ("" if path == LOCK_FILE else f" --lock {path}")


def _assignments(artefact: Artefact) -> list[str]:
    # The patterns of the model let nothing through that JSON and TOML would write differently.
    values: dict[str, str | int] = msgspec.to_builtins(artefact)
    return [f"{key} = {json.dumps(value)}" for key, value in values.items()]
