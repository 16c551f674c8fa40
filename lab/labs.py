"""What is known of labs from outside the process that made them: a folder for each, on disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lab.errors import UsageError
from lab.files import state_dir
from lab.node import Access, Node
from lab.virt.xml import Accelerator  # noqa: TC001 - msgspec reads it to decode a record

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORD = "lab.json"
LEDGER = "ledger.jsonl"
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

    def reopen(self) -> Node:
        """The node, which another process may have brought up."""
        return Node(Access(name=self.name, sockets=Path(self.sockets)))


class LabRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One lab: its machines, and whose it is."""

    id: str
    topology: str
    accelerator: Accelerator
    uri: str
    nodes: tuple[NodeRecord, ...]
    owner_pid: int
    created: str
    """UTC, ISO 8601."""

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


def labs_dir() -> Path:
    """Where the records, ledgers and overlays of labs are."""
    return state_dir() / "labs"


def records() -> Iterator[tuple[Path, LabRecord | None]]:
    """The labs that this machine's state knows of, oldest first; None where one never began."""
    if not labs_dir().exists():
        return
    for folder in sorted(labs_dir().iterdir(), key=lambda path: path.stat().st_mtime):
        yield folder, _read(folder / RECORD)


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


def _read(path: Path) -> LabRecord | None:
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=LabRecord)
    except msgspec.ValidationError:  # another version of the lab made it; its ledger still holds
        return None
