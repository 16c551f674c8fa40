"""What the nodes of a lab need before any of them is started: disks, keys, wires, consoles."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from lab import owner, wires
from lab.disks import Disks, overlays
from lab.files import state_dir
from lab.labs import Mark, NodeRecord
from lab.ledger import Entry, Kind
from lab.scratch import PREFIX
from lab.virt.credentials import KEYS, credentials, make_keys, secrets
from lab.virt.xml import DomainSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lab.frozen import Frozen
    from lab.image.build import NodeImage
    from lab.ledger import Ledger
    from lab.topology import NodeSpec, Topology
    from lab.virt.credentials import Keys
    from lab.virt.xml import Accelerator, DataLink, Ownership


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How the nodes of a topology are to be started."""

    topology: Topology
    image: NodeImage
    disks: Mapping[str, Disks]
    """By node."""
    accelerator: Accelerator
    console: Callable[[str], Path]
    """Where the console of the node of that name is to be written."""
    emulator: Path | None = None
    """The QEMU that runs the nodes; None is the machine's own."""
    run: Path | None = None
    """The directory of the run that the lab is for, if it is for one."""
    frozen: Frozen | None = None
    """Where the state of the lab is kept once it is up; if it is there, nodes go on from it."""
    thaws: Frozen | None = None
    """The state from which the nodes do go on."""
    keeps_disks: bool = False
    """The nodes write to *disks* themselves, not to overlays: that is how they are prepared."""

    def thawing(self, frozen: Frozen) -> Start:
        """The same start, of nodes that go on from the state in *frozen*."""
        return replace(self, thaws=frozen, disks=frozen.disks(self.disks))


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A node before it is started: all that it takes is there."""

    spec: NodeSpec
    record: NodeRecord
    disks: Disks
    keys: Keys
    links: tuple[DataLink, ...]
    credentials: tuple[str, ...]
    secrets: Mapping[str, Path]
    memory: Path | None = None
    """What it goes on from; None where it boots."""


def machines(
    start: Start, folder: Path, ledger: Ledger, ports: tuple[int, ...]
) -> tuple[Machine, ...]:
    """Make ready all nodes of the lab in *folder*, whose wires take *ports*."""
    links = wires.laid(start.topology, ports)
    return tuple(
        _machine(start, spec, folder, ledger, links[spec.name]) for spec in start.topology.nodes
    )


def domain_spec(
    machine: Machine, start: Start, *, whose: Ownership, ssh_port: int, confined_by: str | None
) -> DomainSpec:
    """What the *machine* is to libvirt, once its port is chosen."""
    return DomainSpec(
        name=machine.record.domain,
        whose=whose,
        accelerator=start.accelerator,
        cpus=machine.spec.cpus,
        memory_mib=machine.spec.memory_mib,
        kernel=start.image.kernel,
        initramfs=start.image.initramfs,
        root_disk=machine.disks.root,
        data_disk=machine.disks.data,
        artefact_disk=machine.disks.artefacts,
        console=Path(machine.record.console),
        ssh_port=ssh_port,
        credentials=machine.credentials,
        secrets=machine.secrets,
        emulator=start.emulator,
        data_links=machine.links,
        confined_by=confined_by,
        memory=machine.memory,
    )


def _machine(
    start: Start, spec: NodeSpec, folder: Path, ledger: Ledger, links: tuple[DataLink, ...]
) -> Machine:
    sockets = _sockets_folder(folder.name, ledger)
    thaws = start.thaws
    folder_of_keys = sockets / KEYS
    keys = thaws.keys(spec.name).copy(folder_of_keys) if thaws else make_keys(folder_of_keys)
    disks = start.disks[spec.name]
    console = start.console(spec.name)
    console.parent.mkdir(parents=True, exist_ok=True)
    networks = wires.configuration(start.topology, spec.name, links)
    return Machine(
        spec=spec,
        record=NodeRecord(
            name=spec.name,
            domain=f"{folder.name}-{spec.name}",
            console=str(console.absolute()),
            sockets=str(sockets),
            data_ports=tuple(link.port for link in links),
        ),
        disks=disks if start.keeps_disks else _overlays(disks, spec.name, folder, ledger),
        keys=keys,
        links=links,
        credentials=credentials(host_name=spec.name, keys=keys, networks=networks),
        secrets=secrets(keys, folder, host_name=spec.name),
        memory=thaws.memory(spec.name) if thaws else None,
    )


def _overlays(disks: Disks, node: str, folder: Path, ledger: Ledger) -> Disks:
    made = Disks.of(node, folder)
    for disk in (made.root, made.data):
        ledger.record(Entry(kind=Kind.DISK, name=str(disk)))
    return overlays(disks, node, folder)


def _sockets_folder(lab: str, ledger: Ledger) -> Path:
    """A short path, for unix sockets, that only its owner may enter."""
    folder = sockets_base() / f"{PREFIX}{token_hex(4)}"
    ledger.record(Entry(kind=Kind.FOLDER, name=str(folder)))
    folder.mkdir(mode=0o700)
    Mark(owner=owner.me(), home=str(state_dir()), lab=lab).put(folder)
    return folder


def sockets_base() -> Path:
    """Where the folders of nodes' sockets are."""
    return Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
