"""From a topology to a lab that is up, and from whatever is left of a lab to nothing."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import socket
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lab.command import run
from lab.errors import HostError, LabError, ProvisionError
from lab.files import state_dir, write_atomic
from lab.interrupt import held_off
from lab.ledger import Entry, Kind, Ledger
from lab.node import Access, Node
from lab.virt import domain
from lab.virt.connection import connected, default_uri
from lab.virt.credentials import credentials, make_keys
from lab.virt.xml import Accelerator, DomainSpec, domain_xml
from lab.wait import Pending, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.image.build import NodeImage
    from lab.topology import NodeSpec

log = logging.getLogger(__name__)

OVERLAY_TIMEOUT_S = 30.0
PORT_TRIES = 3
POWER_OFF_TIMEOUT_S = 120.0
SSH_DEADLINE_S = {Accelerator.KVM: 60.0, Accelerator.TCG: 240.0}
CONSOLE_TAIL_LINES = 20
RECORD = "lab.json"
LEDGER = "ledger.jsonl"


class LabRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a lab from outside the process that made it."""

    id: str
    topology: str
    accelerator: Accelerator
    uri: str
    node: str
    owner_pid: int
    created: str
    """UTC, ISO 8601."""
    console: str
    sockets: str


@dataclass(frozen=True, slots=True)
class Disks:
    """The disks that a node starts from; it writes to overlays of them."""

    root: Path
    data: Path
    artefacts: Path | None = None
    """One that it only reads, if it needs more than a distribution has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How a node is to be started."""

    topology: str
    spec: NodeSpec
    image: NodeImage
    disks: Disks
    accelerator: Accelerator
    console: Path
    emulator: Path | None = None
    """The QEMU that runs the node; None is the machine's own."""
    keeps_disks: bool = False
    """The node writes to *disks* themselves, not to overlays: that is how they are prepared."""


@dataclass(frozen=True, slots=True)
class Lab:
    """A topology that is up."""

    record: LabRecord
    node: Node

    @property
    def folder(self) -> Path:
        """Where the lab's record and ledger are."""
        return labs_dir() / self.record.id


def bring_up(start: Start) -> Lab:
    """
    Start a node and wait until it answers ssh.

    Everything is in the ledger before it exists; on failure, and on Ctrl-C, what was made
    is taken down before the error goes on.

    Raises:
        ProvisionError: if the node cannot be started, or does not answer; with the end of
            its console.
    """
    folder = labs_dir() / f"lab-{start.topology}-{secrets.token_hex(3)}"
    folder.mkdir(parents=True)
    try:
        return _bring_up(start, folder)
    except BaseException as error:
        try:
            take_down(folder)
        except LabError as left:
            error.add_note(str(left))
        raise


def _bring_up(start: Start, folder: Path) -> Lab:
    ledger = Ledger(folder / LEDGER)
    sockets = _sockets_folder(ledger)
    keys = make_keys(sockets / "keys")
    disks = start.disks if start.keeps_disks else _overlays(start.disks, folder)
    start.console.parent.mkdir(parents=True, exist_ok=True)
    record = LabRecord(
        id=folder.name,
        topology=start.topology,
        accelerator=start.accelerator,
        uri=default_uri(),
        node=start.spec.name,
        owner_pid=os.getpid(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        console=str(start.console.absolute()),
        sockets=str(sockets),
    )
    write_atomic(folder / RECORD, msgspec.json.encode(record))
    ledger.record(Entry(kind=Kind.DOMAIN, name=record.id, where=record.uri))
    port = _start_domain(record, start, disks, credentials(host_name=record.node, keys=keys))
    ledger.record(Entry(kind=Kind.CONNECTION, name=record.node, where=str(sockets)))
    node = Node(
        Access.make(
            name=record.node,
            port=port,
            key=keys.client.private,
            host_key=keys.host.public,
            sockets=sockets,
        )
    )
    _wait_for_ssh(node, start)
    return Lab(record, node)


def power_off(lab: Lab) -> None:
    """End the node's system in order, so that its disks are whole, and wait until it is off."""
    with suppress(ProvisionError):  # the node may be gone before it can say so
        lab.node.run(["systemctl", "poweroff"], timeout_s=POWER_OFF_TIMEOUT_S, check=False)

    def probe() -> None:
        if is_up(lab.record):
            raise Pending("it is still running")

    wait_for(
        f"the end of {lab.record.id}",
        probe,
        timeout_s=POWER_OFF_TIMEOUT_S,
        remedy=f"read its console: {lab.record.console}",
    )


def reopen(record: LabRecord) -> Node:
    """The node of a lab that another process brought up."""
    return Node(Access(name=record.node, sockets=Path(record.sockets)))


def records() -> Iterator[tuple[Path, LabRecord | None]]:
    """The labs that this machine's state knows of, oldest first; None where one never began."""
    if not labs_dir().exists():
        return
    for folder in sorted(labs_dir().iterdir(), key=lambda path: path.stat().st_mtime):
        path = folder / RECORD
        yield (
            folder,
            msgspec.json.decode(path.read_bytes(), type=LabRecord) if path.exists() else None,
        )


def is_up(record: LabRecord) -> bool:
    """Whether the lab's machine runs."""
    with connected(record.uri) as connection:
        return domain.is_running(connection, record.id)


def take_down(folder: Path) -> None:
    """
    Undo everything in the ledger of the lab in *folder*, newest first, then forget the lab.

    Each step is tried, whatever became of the others.

    Raises:
        ProvisionError: if something would not go; the ledger is then kept, so that the
            next `lab down` can try again.
    """
    stuck = []
    with held_off(f"taking down {folder.name}"):
        for entry in Ledger(folder / LEDGER).newest_first():
            try:
                _UNDO[entry.kind](entry)
            except LabError as error:
                stuck.append(f"{entry.kind} {entry.name}: {error.problem}")
        if not stuck:
            shutil.rmtree(folder)
    if stuck:
        raise ProvisionError(
            f"{folder.name} could not be taken down whole:\n  " + "\n  ".join(stuck),
            remedy=f"run `lab down {folder.name}` once that is mended",
        )


def labs_dir() -> Path:
    """Where the records, ledgers and overlays of labs are."""
    return state_dir() / "labs"


def console_tail(console: Path) -> str:
    """The last lines that a machine said."""
    if not console.exists():
        return "  (nothing was written)"
    lines = console.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-CONSOLE_TAIL_LINES:])


def _start_domain(
    record: LabRecord, start: Start, disks: Disks, credentials: tuple[str, ...]
) -> int:
    """Start the node on a free port of 127.0.0.1, and return that port."""
    with connected(record.uri) as connection:
        confined_by = domain.confined_by(connection) if start.emulator else None
        for attempt in range(1, PORT_TRIES + 1):
            port = _free_port()
            xml = domain_xml(
                DomainSpec(
                    name=record.id,
                    owner=record.id,
                    accelerator=start.accelerator,
                    cpus=start.spec.cpus,
                    memory_mib=start.spec.memory_mib,
                    kernel=start.image.kernel,
                    initramfs=start.image.initramfs,
                    root_disk=disks.root,
                    data_disk=disks.data,
                    artefact_disk=disks.artefacts,
                    console=Path(record.console),
                    ssh_port=port,
                    credentials=credentials,
                    emulator=start.emulator,
                    confined_by=confined_by,
                )
            )
            try:
                domain.start(connection, xml, name=record.id)
            except domain.PortTakenError:
                if attempt == PORT_TRIES:
                    raise
            else:
                return port
    raise AssertionError("unreachable: the last attempt raises")


def _wait_for_ssh(node: Node, start: Start) -> None:
    try:
        node.wait_until_up(
            timeout_s=SSH_DEADLINE_S[start.accelerator],
            remedy=f"read its console: {start.console}",
        )
    except LabError as error:
        error.add_note("its console ends:\n" + console_tail(start.console))
        raise


def _sockets_folder(ledger: Ledger) -> Path:
    """A short path, for unix sockets, that only its owner may enter."""
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    folder = base / f"kata-lab-{secrets.token_hex(4)}"
    ledger.record(Entry(kind=Kind.FOLDER, name=str(folder)))
    folder.mkdir(mode=0o700)
    return folder


def _overlays(disks: Disks, folder: Path) -> Disks:
    return Disks(
        root=make_overlay(disks.root, folder / "root.qcow2"),
        data=make_overlay(disks.data, folder / "data.qcow2"),
        artefacts=disks.artefacts,
    )


def make_overlay(base: Path, overlay: Path, *, base_format: str = "qcow2") -> Path:
    """Make a disk that starts as *base* and keeps what is written for itself."""
    argv = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", base_format, "-b", str(base)]
    run([*argv, str(overlay)], timeout_s=OVERLAY_TIMEOUT_S)
    return overlay


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _undo_domain(entry: Entry) -> None:
    with connected(entry.where) as connection:
        domain.destroy(connection, entry.name)


def _undo_connection(entry: Entry) -> None:
    Node(Access(name=entry.name, sockets=Path(entry.where))).disconnect()


def _undo_folder(entry: Entry) -> None:
    try:
        shutil.rmtree(entry.name)
    except FileNotFoundError:
        log.debug("gone already: %s", entry.name)
    except OSError as error:
        raise HostError(str(error), remedy=f"remove {entry.name} by hand") from error


_UNDO = {
    Kind.DOMAIN: _undo_domain,
    Kind.CONNECTION: _undo_connection,
    Kind.FOLDER: _undo_folder,
}
