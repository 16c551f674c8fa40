"""From a topology to a lab that is up: all its nodes, started together and waited for."""

from __future__ import annotations

import logging
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lab import owner, wires
from lab.errors import LabError, ProvisionError
from lab.files import state_dir
from lab.interrupt import held_off
from lab.labs import LEDGER, LabRecord, console_tail, new_folder, write_record
from lab.ledger import Entry, Kind, Ledger
from lab.machine import domain_spec, machines
from lab.node import Access, Node
from lab.ports import PORT_TRIES, free_port
from lab.takedown import taken_down_on_failure
from lab.virt import domain
from lab.virt.connection import connected, default_uri
from lab.virt.xml import Accelerator, Ownership, domain_xml
from lab.wait import Pending, wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.disks import Disks
    from lab.frozen import Frozen
    from lab.machine import Machine, Start

log = logging.getLogger(__name__)

POWER_OFF_TIMEOUT_S = 120.0
SSH_DEADLINE_S = {Accelerator.KVM: 60.0, Accelerator.TCG: 240.0}
"""For each node: all share the processors of one machine."""


@dataclass(frozen=True, slots=True)
class Lab:
    """A topology that is up."""

    record: LabRecord
    nodes: Mapping[str, Node]
    """By name."""
    disks: Mapping[str, Disks]
    """What each of them writes to, by its name."""
    frozen: Frozen | None = None
    """Where its state is kept once it is up, if it is to be."""
    is_thawed: bool = False
    """Whether it goes on from there, and so is up as soon as its nodes are."""

    @property
    def folder(self) -> Path:
        """Where the lab's record and ledger are."""
        return self.record.folder


def bring_up(start: Start) -> Lab:
    """
    Start the nodes and wait until all answer ssh.

    Everything is in the ledger before it exists; on failure, and on Ctrl-C, what was made
    is taken down before the error goes on. A state that nodes cannot go on from is forgotten,
    and they boot.

    Raises:
        ProvisionError: if a node cannot be started, or does not answer; with the end of
            its console.
    """
    if start.frozen is None or not start.frozen.is_there:
        return _bring_up(start)
    try:
        return _bring_up(start.thawing(start.frozen))
    except LabError as error:
        log.warning("%s cannot go on from where it was, and boots: %s", start.topology.name, error)
        start.frozen.forget()
        return _bring_up(start)


def _bring_up(start: Start) -> Lab:
    with ExitStack() as stack:
        with held_off("making room for a lab"):  # it is there, and nobody would undo it yet
            folder = new_folder(start.topology.name)
            stack.enter_context(taken_down_on_failure(folder))
        return _bring_up_in(folder, start)


def power_off(lab: Lab) -> None:
    """End the nodes' systems in order, so that their disks are whole; wait until all are off."""
    for node in lab.nodes.values():
        with suppress(ProvisionError):  # the node may be gone before it can say so
            node.run(["systemctl", "poweroff"], timeout_s=POWER_OFF_TIMEOUT_S, check=False)

    def probe() -> None:
        if names := running(lab.record):
            raise Pending(f"{', '.join(names)} still running")

    wait_for(
        f"the end of {lab.record.id}",
        probe,
        timeout_s=POWER_OFF_TIMEOUT_S,
        remedy=f"read the consoles: {' '.join(node.console for node in lab.record.nodes)}",
    )


def running(record: LabRecord) -> tuple[str, ...]:
    """The names of the lab's nodes whose machines run."""
    with connected(record.uri) as connection:
        return tuple(
            node.name for node in record.nodes if domain.is_running(connection, node.domain)
        )


def _bring_up_in(folder: Path, start: Start) -> Lab:
    ledger = Ledger(folder / LEDGER)
    with wires.held_ports(start.topology) as ports:
        for port in ports:
            ledger.record(Entry(kind=Kind.PORT, name=f"{port}/udp"))
        made = machines(start, folder, ledger, ports)
        record = LabRecord(
            id=folder.name,
            topology=start.topology.name,
            accelerator=start.accelerator,
            uri=default_uri(),
            nodes=tuple(machine.record for machine in made),
            owner=owner.me(),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            run=str(start.run.absolute()) if start.run else "",
            shape=start.topology.digest,
        )
        write_record(record)
        nodes = [_start(machine, start, record, ledger) for machine in made]
    for node in nodes:  # they boot beside each other, whichever is asked first
        _wait_for_ssh(node, start)
    return Lab(
        record,
        {node.name: node for node in nodes},
        {machine.record.name: machine.disks for machine in made},
        frozen=start.frozen,
        is_thawed=start.thaws is not None,
    )


def _start(machine: Machine, start: Start, record: LabRecord, ledger: Ledger) -> Node:
    """Start one machine, and return the node that it is to become."""
    node = machine.record
    ledger.record(Entry(kind=Kind.DOMAIN, name=node.domain, where=record.uri))
    port = _start_domain(machine, start, record, ledger)
    ledger.record(Entry(kind=Kind.CONNECTION, name=node.name, where=node.sockets))
    return Node(
        Access.make(
            name=node.name,
            port=port,
            key=machine.keys.client.private,
            host_key=machine.keys.host.public,
            sockets=Path(node.sockets),
        )
    )


def _start_domain(machine: Machine, start: Start, record: LabRecord, ledger: Ledger) -> int:
    """Start the machine on a free port of 127.0.0.1, and return that port."""
    whose = Ownership(lab=record.id, owner=record.owner.id, home=str(state_dir()), run=record.run)
    with connected(record.uri) as connection:
        confined_by = domain.confined_by(connection) if start.emulator else None
        for attempt in range(1, PORT_TRIES + 1):
            port = free_port()
            ledger.record(Entry(kind=Kind.PORT, name=f"{port}/tcp"))
            spec = domain_spec(machine, start, whose=whose, ssh_port=port, confined_by=confined_by)
            try:
                domain.start(connection, domain_xml(spec), name=spec.name)
            except domain.PortTakenError:
                if attempt == PORT_TRIES:
                    raise
            else:
                return port
    raise AssertionError("unreachable: the last attempt raises")


def _wait_for_ssh(node: Node, start: Start) -> None:
    console = start.console(node.name)
    try:
        node.wait_until_up(
            timeout_s=SSH_DEADLINE_S[start.accelerator] * len(start.topology.nodes),
            remedy=f"read its console: {console}",
        )
    except LabError as error:
        error.add_note("its console ends:\n" + console_tail(console))
        raise
