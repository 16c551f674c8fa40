"""A machine to bring labs up on: libvirt's test driver; ssh and qemu-img do next to nothing."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab import inventory, provision, wait
from lab.disks import Disks
from lab.image.build import NodeImage
from lab.labs import labs_dir
from lab.loader import load_topology
from lab.machine import Start
from lab.topology import NodeSpec, Topology
from lab.virt.connection import connected
from lab.virt.xml import Accelerator
from tests.fakes import Clock, Programs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.virt.connection import Connection

URI = "test:///default"
SINGLE = Topology(
    name="embedded", nodes=(NodeSpec(name="node-1", cpus=2, memory_mib=2048, pool_gib=4),)
)
PAIR = load_topology("k8s-calico-kata")
QEMU_IMG = 'for last; do :; done; echo "$*" >"$last"'
SSH_KEYGEN = 'for last; do :; done; echo private >"$last"; echo "ssh-ed25519 AAAA" >"$last.pub"'


@dataclass(frozen=True)
class Ground:
    """A machine to bring labs up on."""

    programs: Programs
    connection: Connection
    start: Start
    runtime: Path
    """Where sockets are."""

    @property
    def console(self) -> Path:
        """That of the only node."""
        return self.start.console("node-1")

    @property
    def pair(self) -> Start:
        """The start of a topology with two nodes."""
        return replace(self.start, topology=PAIR)

    def xml(self, domain: str) -> str:
        """What libvirt has been told of a domain."""
        text: str = self.connection.raw.lookupByName(domain).XMLDesc()
        return text

    @property
    def domains(self) -> set[str]:
        """The domains of labs."""
        names = {each.name() for each in self.connection.raw.listAllDomains()}
        return {name for name in names if name.startswith("lab-")}

    @property
    def left(self) -> list[str]:
        """Whatever a lab has left behind."""
        folders = [*labs_dir().iterdir(), *self.runtime.iterdir()]
        return sorted([*self.domains, *(path.name for path in folders)])


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which nothing is the lab's, whatever else is going on on it."""
    test = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0].encode()

    def processes() -> list[Path]:
        """Those that this test has started."""
        mine = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                mine += [folder] * (test in (folder / "environ").read_bytes())
        return mine

    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LAB_LEASES", str(tmp_path / "leases"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr(inventory, "TEMPORARY", tmp_path / "tmp")
    monkeypatch.setattr(inventory, "PLACES_OF_USERS", tmp_path / "users")
    monkeypatch.setattr(inventory, "_processes", processes)
    (tmp_path / "run").mkdir(exist_ok=True)
    return tmp_path


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    (tmp_path / "run").mkdir(exist_ok=True)
    monkeypatch.setattr(provision, "default_uri", lambda: URI)
    monkeypatch.setattr(wait, "time", Clock())
    monkeypatch.setattr(provision, "SSH_DEADLINE_S", {Accelerator.KVM: 1.0, Accelerator.TCG: 2.0})
    programs = Programs.first_on_path(tmp_path / "bin", monkeypatch)
    programs.add("qemu-img", QEMU_IMG)
    programs.add("ssh-keygen", SSH_KEYGEN)
    programs.add("ssh", "exit 0")
    start = Start(
        topology=SINGLE,
        image=NodeImage(
            digest="d1",
            disk=tmp_path / "disk.img",
            kernel=tmp_path / "vmlinuz",
            initramfs=tmp_path / "initramfs",
            kernel_release="6.12",
        ),
        disks={spec.name: Disks.of(spec.name, tmp_path) for spec in (*SINGLE.nodes, *PAIR.nodes)},
        accelerator=Accelerator.TCG,
        console=lambda name: tmp_path / "results" / "consoles" / f"{name}.log",
    )
    # The test driver forgets its domains with its last connection, which a failure that some test
    # has caught may hold on to.
    with connected(URI) as connection:
        ground = Ground(programs, connection, start, tmp_path / "run")
        yield ground
        for name in ground.domains:
            connection.raw.lookupByName(name).destroy()
