"""What is known of labs from outside the process that made them: a folder for each, on disk."""

from __future__ import annotations

import errno
import secrets
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lab import ledger, owner
from lab.decode import DecodeError, json_as
from lab.errors import UsageError
from lab.files import remove, state_dir, write_atomic
from lab.node import Access, Node
from lab.owner import Owner  # noqa: TC001 - msgspec reads it to decode a record
from lab.virt.xml import Accelerator  # noqa: TC001 - likewise

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORD = "lab.json"
LEDGER = "ledger.jsonl"
OWNER = "owner.json"
"""Whose a folder is that the lab has made: beside a lab's record, and among a node's sockets."""
NEW = ".new"
"""What a lab's folder is called until it says whose it is."""
CONSOLE_TAIL_LINES = 20


class NodeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One machine of a lab."""

    name: str
    domain: str
    """What libvirt calls it."""
    console: str
    sockets: str
    """The folder of its keys, its ssh configuration and the sockets of its connection."""
    data_ports: tuple[int, ...] = ()
    """Of 127.0.0.1: its ends of the wires to other nodes."""

    @property
    def access(self) -> Access:
        """How to reach it, which another process may have brought up."""
        return Access(name=self.name, sockets=Path(self.sockets))

    def reopen(self) -> Node:
        """The node, to run commands on."""
        return Node(self.access)


class LabRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One lab: its machines, and whose it is."""

    id: str
    topology: str
    accelerator: Accelerator
    uri: str
    nodes: tuple[NodeRecord, ...]
    owner: Owner
    """Who has brought it up."""
    created: str
    """UTC, ISO 8601."""
    run: str = ""
    """The directory of the run that it is for; empty if it is for none."""
    shape: str = ""
    """The digest of its topology as it was read then; empty if nobody wrote it down."""
    is_kept: bool = False
    """Whether its owner has left it up on purpose: then it is anybody's, until `lab down`."""

    @property
    def folder(self) -> Path:
        """Where its record and ledger are."""
        return labs_dir() / self.id

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its nodes."""
        return tuple(node.name for node in self.nodes)

    @property
    def ways_in(self) -> str:
        """What to type to look at it, and to end it."""
        shells = ", ".join(f"`lab shell {name}`" for name in self.names)
        return f"{shells}, `lab down` ends it"


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """``owner.json``: what a folder says of itself, should all else be gone."""

    owner: Owner
    home: str
    """The state folder of the one who has made it."""
    lab: str = ""

    def put(self, folder: Path) -> None:
        """Leave it in *folder*."""
        write_atomic(folder / OWNER, msgspec.json.encode(self), mode=0o600)

    @classmethod
    def read(cls, folder: Path) -> Mark | None:
        """What *folder* says of itself; None if it says nothing that can be read."""
        try:
            return json_as((folder / OWNER).read_bytes(), cls)
        except (OSError, DecodeError):
            return None


class Hands(StrEnum):
    """In whose hands a thing is that the lab has made."""

    ALIVE = "alive"
    """In those of a process that runs."""
    KEPT = "kept"
    """In nobody's, on purpose: for a person to look at."""
    DEAD = "dead"
    """In those of a process that is gone."""
    UNKNOWN = "unknown"
    """It does not say whose it is: another version of the lab has made it."""


def labs_dir(home: Path | None = None) -> Path:
    """Where the records, ledgers and overlays of labs are."""
    return (home or state_dir()) / "labs"


def new_folder(topology: str) -> Path:
    """
    Make the folder of a new lab; from its first moment on it says whose it is.

    Its name is the lab's id.
    """
    ledger.own()
    unfinished = labs_dir() / owner.mark(NEW)
    unfinished.mkdir(parents=True)
    try:
        while True:
            folder = labs_dir() / f"lab-{topology}-{secrets.token_hex(4)}"
            Mark(owner=owner.me(), home=str(state_dir()), lab=folder.name).put(unfinished)
            try:
                return unfinished.rename(folder)
            except OSError as error:
                if error.errno not in {errno.EEXIST, errno.ENOTEMPTY}:  # else it has another
                    raise
    except BaseException:
        remove(unfinished)
        raise


def records(home: Path | None = None) -> Iterator[tuple[Path, LabRecord | None]]:
    """The labs that a state folder knows of, oldest first; None where one never began."""
    found: list[tuple[float, Path]] = []
    with suppress(FileNotFoundError):
        for folder in labs_dir(home).iterdir():
            with suppress(FileNotFoundError):  # it goes down at this moment
                found += [(folder.stat().st_mtime, folder)] * (not folder.name.startswith("."))
    for _, folder in sorted(found):
        yield folder, read_record(folder)


def hands_of(folder: Path, record: LabRecord | None) -> Hands:
    """In whose hands the lab in *folder* is, up or on its way."""
    if record and record.is_kept:
        return Hands.KEPT
    mark = Mark.read(folder)
    who = record.owner if record else mark.owner if mark else None
    if who is None:
        return Hands.UNKNOWN
    home = folder.parent.parent
    return Hands.ALIVE if ledger.is_alive(who, home) else Hands.DEAD


def keep(record: LabRecord) -> LabRecord:
    """Leave a lab up on purpose; return what is on record of it then."""
    kept = msgspec.structs.replace(record, is_kept=True)
    write_record(kept)
    return kept


def write_record(record: LabRecord) -> None:
    """Put a lab on record."""
    write_atomic(record.folder / RECORD, msgspec.json.encode(record))


def find_node(name: str) -> NodeRecord:
    """
    The node called *name* of the newest lab that has one.

    Raises:
        UsageError: if none has.
    """
    for _, record in reversed(list(records())):
        for node in record.nodes if record else ():
            if node.name == name:
                return node
    raise UsageError(
        f"no lab with a node {name!r} is up",
        remedy="bring one up with `lab up`; `lab status` lists what is up",
    )


def console_tail(console: Path) -> str:
    """The last lines that a machine said."""
    if not console.exists():
        return "  (nothing was written)"
    lines = console.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-CONSOLE_TAIL_LINES:])


def read_record(folder: Path) -> LabRecord | None:
    """What is on record of the lab in *folder*; None if nothing is that can be read."""
    try:
        return json_as((folder / RECORD).read_bytes(), LabRecord)
    except OSError:
        return None
    except DecodeError:  # another version of the lab made it, or it is torn; its ledger still holds
        return None
