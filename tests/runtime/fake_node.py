"""A node that plays back answers and remembers what it was told to run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lab.cluster.api import Api
from lab.command import Completed
from lab.errors import CommandError
from lab.node import Access, Node
from lab.runtime.setting import Setting
from lab.topology import NodeSpec, Topology

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from lab.cluster.handler import Handler
    from lab.errors import LabError
    from lab.matrix import Cell

Reply = str | Completed | Exception | Iterator[str]


def completed(
    argv: Sequence[str] = ("sh",), *, stdout: str = "", stderr: str = "", status: int = 0
) -> Completed:
    return Completed(tuple(argv), status, stdout, stderr, 0.1)


def gathered(answers: Mapping[str, str]) -> str:
    """What the script of the questions prints (:func:`lab.node.gather_script`)."""
    return "".join(f"=====lab: {name}\n{answer}" for name, answer in answers.items())


def cni_result(*, mac: str, address: str) -> str:
    """What the CNI plugin prints."""
    return json.dumps(
        {
            "cniVersion": "1.0.0",
            "interfaces": [
                {"name": "cali2a1f391882a", "mac": "ee:ee:ee:ee:ee:ee"},
                {"name": "eth0", "mac": mac, "mtu": 1440, "sandbox": "/run/netns/boot1"},
            ],
            "ips": [{"interface": 1, "address": address, "gateway": "169.254.1.1"}],
            "routes": [{"dst": "0.0.0.0/0", "gw": "169.254.1.1"}, {"dst": "169.254.1.1/32"}],
        }
    )


class FakeNode(Node):
    """Everything a node does goes through its `run`: that is what is played here."""

    def __init__(self, sockets: Path, *, name: str = "node-1") -> None:
        super().__init__(Access(name=name, sockets=sockets))
        self._replies: list[tuple[str, Reply]] = []
        self.ran: list[str] = []
        """What was run so far: the script, or the command where there was none."""
        self.order: list[str] = []
        """Its name, as often as it was told something; two nodes may share it."""
        self.forwarded: list[str] = []
        self.beside: list[str] = []
        """What runs in the background now."""
        self.unforward_fails: LabError | None = None

    def reply(self, mark: str, reply: Reply) -> None:
        """
        Answer what has *mark* in it with *reply*, or the next of it; the latest rule counts.
        """
        self._replies.insert(0, (mark, reply))

    def run(
        self, argv: Sequence[str], *, timeout_s: float, check: bool = True, stdin: str = ""
    ) -> Completed:
        assert timeout_s > 0
        text = stdin or " ".join(argv)
        self.ran.append(text)
        self.order.append(self.name)
        reply = next((reply for mark, reply in self._replies if mark in text), "")
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, Iterator):
            reply = next(reply)
        done = completed(argv, stdout=reply) if isinstance(reply, str) else reply
        if check and done.returncode:
            raise CommandError(f"{argv[0]} failed", completed=done)
        return done

    @contextmanager
    def background(
        self, argv: Sequence[str], *, listening: int | None = None
    ) -> Iterator[Callable[[], bool]]:
        assert listening is None
        self.beside.append(" ".join(argv))
        yield lambda: True
        self.beside.pop()

    def forward(self, remote: str, local: Path) -> None:
        self.forwarded.append(f"{remote} -> {local.name}")

    def unforward(self, remote: str, local: Path) -> None:
        if self.unforward_fails is not None:
            raise self.unforward_fails
        self.forwarded = [each for each in self.forwarded if each != f"{remote} -> {local.name}"]


class FakeApi(Api):
    """What is asked of the API is played by the node that it is on."""

    def __init__(self, node: Node) -> None:
        super().__init__(node, node.access.sockets / "kubectl")

    def run(
        self, arguments: Sequence[str], *, timeout_s: float, check: bool = True, stdin: str = ""
    ) -> Completed:
        told = [*arguments, stdin] if stdin else arguments
        return self.node.run(["kubectl", *told], timeout_s=timeout_s, check=check)

    @contextmanager
    def background(self, arguments: Sequence[str]) -> Iterator[None]:
        with self.node.background(["kubectl", *arguments]):
            yield


def setting(
    node: Node,
    handlers: Mapping[Cell, Handler] | None = None,
    *,
    control_plane: Node | None = None,
) -> Setting:
    return Setting(
        node=node,
        control_plane=control_plane or node,
        api=FakeApi(control_plane or node),
        topology=Topology(
            name="bench", nodes=(NodeSpec(name="node-1", cpus=2, memory_mib=4096, pool_gib=8),)
        ),
        image="lab.local/workload:1",
        layer="sha256:1a2b",
        guest_kernel="/usr/share/kata-lab/vmlinux",
        guest_initramfs="/usr/share/kata-lab/initramfs",
        handlers=handlers or {},
    )
