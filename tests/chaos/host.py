"""
A machine that is only played: its QEMUs are files, so that they outlive the lab's process.

All that the lab asks of the world comes here by three doors: programs (:mod:`lab.command`), libvirt
(``libvirt.open``) and the provider. What is in between is the lab's own code, whole.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import libvirt

from lab.command import Completed
from lab.disks import Disks
from lab.errors import CommandError, ProvisionError, SandboxError
from lab.host import Chosen
from lab.image.build import GuestImage, Images, NodeImage, WorkloadImage
from lab.labs import Mark
from lab.outcome import Fact
from lab.virt.xml import Accelerator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lab.cluster.kit import Kit
    from lab.matrix import Cell
    from lab.node import Node
    from lab.options import Wishes
    from lab.runtime.setting import Setting
    from lab.stopwatch import Stopwatch
    from lab.topology import Topology

URI = "simulated:///"
NAME = re.compile(r"<name>([^<]+)</name>")
UNREACHABLE = 255
HANG_S = 30.0
KEYGEN = "ssh-keygen"
NOBODY = "ssh: connect to host 127.0.0.1: Connection refused"


class Gone(libvirt.libvirtError):  # type: ignore[misc]  # libvirt has no types
    """There is no such domain."""

    def __init__(self) -> None:
        super().__init__("no such domain")

    def get_error_code(self) -> int:
        return int(libvirt.VIR_ERR_NO_DOMAIN)

    def get_error_message(self) -> str:
        return "no such domain"


class Host:
    """The machine: what runs on it is in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.domains = folder / "domains"
        self.sandboxes = folder / "sandboxes"
        self.passes: Callable[[str], None] = lambda _point: None
        """Told of each point of the story that is passed: where faults are."""
        self.hangs = False
        """Whether libvirt's daemon answers nobody."""
        self.is_cut = False
        """Whether nothing reaches a node."""
        self.ails: set[str] = set()
        """The tools that die in their midst."""
        for each in (self.domains, self.sandboxes):
            each.mkdir(parents=True, exist_ok=True)

    @property
    def left(self) -> list[str]:
        """What runs on it."""
        return sorted(path.name for path in (*self.domains.iterdir(), *self.sandboxes.iterdir()))

    def end_domain(self, name: str) -> None:
        """What a QEMU takes with it: the sandboxes in it."""
        (self.domains / name).unlink()
        shutil.rmtree(self.sandboxes / name, ignore_errors=True)

    def end_all(self) -> None:
        """The machine is started anew, or all its QEMUs are killed."""
        for each in list(self.domains.iterdir()):
            self.end_domain(each.name)

    def open(self, uri: str) -> Libvirt:
        assert uri == URI
        self.answers("libvirt open")
        return Libvirt(self)

    def answers(self, call: str) -> None:
        """What each call of libvirt's does first; it may be the last that it does."""
        self.passes(call)
        if self.hangs:
            threading.Event().wait(HANG_S)
            raise Gone

    def run(
        self,
        argv: Sequence[str | os.PathLike[str]],
        *,
        timeout_s: float,
        check: bool = True,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        """Any program: those that make something make it."""
        assert timeout_s > 0
        del env
        words = tuple(os.fspath(word) for word in argv)
        done = self._done(words, stdin)
        if check and done.returncode:
            raise CommandError(f"{words[0]} exited with status {done.returncode}", completed=done)
        return done

    def _done(self, words: tuple[str, ...], stdin: str) -> Completed:
        program = Path(words[0]).name
        if program == "ssh":
            return self._ssh(words, stdin)
        if program == "qemu-img":
            self.passes("program qemu-img")
            Path(words[-1]).write_text("disk")
        if program == KEYGEN:
            self.passes("program ssh-keygen")
            key = Path(words[-1])
            key.write_text("private")
            key.with_suffix(".pub").write_text("ssh-ed25519 AAAA")
        return Completed(words, 0, "a program, version 1\n", "", 0.0)

    def _ssh(self, words: tuple[str, ...], stdin: str) -> Completed:
        if "-O" in words:
            return Completed(words, 0, "", "", 0.0)
        self.passes("ssh")
        mark = Mark.read(Path(words[words.index("-F") + 1]).parent)
        node = words[words.index("--") - 1]
        is_there = mark is not None and (self.domains / f"{mark.lab}-{node}").exists()
        if self.is_cut or not is_there:
            return Completed(words, UNREACHABLE, "", NOBODY, 0.0)
        del stdin
        return Completed(words, 0, "", "", 0.0)


class Libvirt:
    """A connection, as libvirt's own: what the lab calls of it."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def close(self) -> int:
        return 0

    def createXML(self, xml: str, _flags: int) -> SimpleNamespace:  # noqa: N802 - libvirt's
        self._host.answers("libvirt create")
        match = NAME.search(xml)
        assert match is not None
        name = match[1]
        (self._host.sandboxes / name).mkdir()
        (self._host.domains / name).write_text(xml)
        self._host.passes("libvirt created")
        return SimpleNamespace(name=name)

    def lookupByName(self, name: str) -> Domain:  # noqa: N802 - libvirt's
        self._host.answers("libvirt look up")
        if not (self._host.domains / name).exists():
            raise Gone
        return Domain(self._host, name)

    def listAllDomains(self, _flags: int = 0) -> list[Domain]:  # noqa: N802 - libvirt's
        self._host.answers("libvirt list")
        return [Domain(self._host, path.name) for path in sorted(self._host.domains.iterdir())]

    def getCapabilities(self) -> str:  # noqa: N802 - libvirt's
        return "<capabilities/>"

    def listAllNetworks(self) -> list[Any]:  # noqa: N802 - libvirt's
        return []

    listAllStoragePools = listAllNetworks  # noqa: N815 - libvirt's


class Domain:
    """A domain, as libvirt's own."""

    def __init__(self, host: Host, name: str) -> None:
        self._host = host
        self._name = name

    def name(self) -> str:
        return self._name

    def XMLDesc(self) -> str:  # noqa: N802 - libvirt's
        try:
            return (self._host.domains / self._name).read_text()
        except FileNotFoundError:
            raise Gone from None

    def isActive(self) -> bool:  # noqa: N802 - libvirt's
        return (self._host.domains / self._name).exists()

    def destroy(self) -> int:
        self._host.answers("libvirt destroy")
        try:
            self._host.end_domain(self._name)
        except FileNotFoundError:
            raise Gone from None
        self._host.passes("libvirt destroyed")
        return 0


class Sandbox:
    """A sandbox on a node that is played: a file in the folder of its node's domain."""

    ready_s = 0.1
    address = "10.0.0.1"
    expected = None
    guest = None

    def __init__(self, host: Host, setting: Setting, cell: Cell, name: str) -> None:
        self._host = host
        self.node = setting.node
        self.cell = cell
        self.id = name
        self.pod = SimpleNamespace(name=name)
        lab = Mark.read(setting.node.access.sockets)
        assert lab is not None
        self._file = host.sandboxes / f"{lab.lab}-{setting.node.name}" / name

    def start(self) -> None:
        self._host.passes("sandbox start")
        self._ask()
        self._file.write_text("")
        self._host.passes("sandbox started")

    def restart(self) -> None:
        self._host.passes("sandbox restart")
        self._ask()

    def stop(self) -> None:
        self._host.passes("sandbox stop")
        self._ask()
        self._file.unlink(missing_ok=True)

    def prove(self) -> tuple[tuple[Fact, ...], dict[str, str]]:
        self._host.passes("sandbox prove")
        self._ask()
        fact = Fact(subject="kind", source="a play", expected="tun", observed="tun", holds=True)
        return (fact,), {}

    def run(self, argv: Sequence[str], *, timeout_s: float, **_: Any) -> Completed:  # noqa: ANN401
        assert timeout_s > 0
        self._host.passes(argv[0])
        self._ask()
        if argv[0] in self._host.ails:
            self._host.ails.discard(argv[0])
            done = Completed(tuple(argv), 137, "", "Killed", 0.0)
            raise CommandError(f"{argv[0]} exited with status 137", completed=done)
        if not self._file.exists():
            raise SandboxError(f"{self.id} no longer answers", remedy="look at the node")
        return Completed(tuple(argv), 0, "1000", "", 0.0)

    def share(self) -> None:
        """Nobody serves its files from outside."""

    def console(self) -> str:
        return f"{self.id} is up\n"

    def configuration(self) -> dict[str, str]:
        return {}

    def _ask(self) -> None:
        if self._host.is_cut or not self._file.parent.exists():
            raise ProvisionError(
                f"node {self.node.name} cannot be reached: {NOBODY}", remedy="look at its console"
            )


class Watch:
    """Noise that there is none of."""

    def read(self) -> tuple[()]:
        return ()

    def since(self, before: tuple[()]) -> tuple[dict[str, float | None], str]:
        assert before == ()
        return {"host_stolen": 0.0}, ""


class Simulated:
    """The provider of labs on a :class:`Host`; see :class:`lab.provider.Provider`."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def check_room(self, topology: Topology) -> None:
        assert topology.nodes

    def settle(
        self, wishes: Wishes, *, say: Callable[[str], None], stopwatch: Stopwatch
    ) -> tuple[Images, Chosen]:
        del wishes, stopwatch
        say("a machine that is only played")
        nowhere = self._host.folder / "nowhere"
        return (
            Images(
                node=NodeImage("d1", nowhere, nowhere, nowhere, "6.12"),
                guest=GuestImage("d2", nowhere, nowhere),
                workload=WorkloadImage("d3", nowhere, "lab.local/workload", "sha256:1"),
            ),
            Chosen(Accelerator.KVM, "it is only played"),
        )

    def disks(
        self,
        topology: Topology,
        images: Images,
        chosen: Chosen,
        *,
        console: Callable[[str], Path],
        say: Callable[[str], None],
        kit: Kit | None,
        run: Path | None,
    ) -> Mapping[str, Disks]:
        del images, chosen, console, say, kit, run
        return {each.name: Disks.of(each.name, self._host.folder) for each in topology.nodes}

    def sandbox(self, setting: Setting, cell: Cell, *, name: str, number: int) -> Any:  # noqa: ANN401
        del number
        return Sandbox(self._host, setting, cell, name)

    def watch(self, node: Node, *, domains: Iterable[str]) -> Any:  # noqa: ANN401
        del node, domains
        return Watch()
