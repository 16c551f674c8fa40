"""Two machines, asked before and after a measurement what disturbs it: the host and the node."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lab import command, counted, noise
from lab.processes import ON_NODE, Own

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lab.node import Node

TIMEOUT_S = 30.0
PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")

Readings = tuple[counted.Reading, counted.Reading]
"""Of the host and of the node."""


class Watch:
    """What the host and the node count, read in one round trip to each."""

    def __init__(self, node: Node, *, domains: Iterable[str]) -> None:
        """Watch *node* and this machine, which runs the lab's *domains*, by libvirt's names."""
        self._node = node
        self._own = own_processes(domains)
        pids = self._own.pids if self._own else {os.getpid()}
        self._on_host = counted.command(
            cgroups=sorted({file for pid in pids for file in quotas(pid)})
        )
        self._on_node = counted.command(is_node=True)
        self._is_virtual = is_virtual()

    def read(self) -> Readings:
        """Read what both have counted so far, the host last: it is the quicker one."""
        on_node = self._node.run(self._on_node, timeout_s=TIMEOUT_S, check=False).stdout
        return self._read_host(), counted.parse(on_node)

    def since(self, before: Readings) -> tuple[dict[str, float | None], str]:
        """
        What was counted since *before*; None is what a machine does not tell.

        Beside it, in words, what kernels said and who else was at work; empty if nothing.
        """
        host = self._read_host()
        on_node = self._node.run(self._on_node, timeout_s=TIMEOUT_S, check=False).stdout
        node = counted.parse(on_node)
        noise_between = {
            **noise.between(
                before[0], host, where="host", own=self._own, is_virtual=self._is_virtual
            ),
            **noise.between(before[1], node, where="node", own=ON_NODE, is_virtual=True),
        }
        told = (
            *noise.told(before[0], host, where="host", own=self._own),
            *noise.told(before[1], node, where="node", own=ON_NODE),
        )
        return noise_between, "".join(f"{line}\n" for line in told)

    def _read_host(self) -> counted.Reading:
        return counted.parse(command.run(self._on_host, timeout_s=TIMEOUT_S, check=False).stdout)


def own_processes(domains: Iterable[str], *, proc: Path = PROC) -> Own | None:
    """
    This process and the machines of the lab's *domains*; None if one is not found.

    By the name that libvirt gives each QEMU: another program may have started it, and other
    machines may run beside it.
    """
    guests = {f"guest={domain}" for domain in domains}
    pids = {os.getpid()}
    for folder in proc.glob("[0-9]*"):
        found = guests & set(_names(folder))
        if found:
            guests -= found
            pids.add(int(folder.name))
    return None if guests else Own(pids=frozenset(pids))


def quotas(pid: int, *, proc: Path = PROC, cgroups: Path = CGROUPS) -> Iterator[str]:
    """The files that tell how often a quota held *pid* back: of its cgroup and all above."""
    try:
        lines = (proc / str(pid) / "cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        below = Path(name.lstrip("/"))
        for part in (below, *below.parents):
            file = cgroups / controllers / part / "cpu.stat"
            if file.exists():
                yield str(file)


def is_virtual(*, proc: Path = PROC) -> bool:
    """Whether a hypervisor runs this machine, as its processor says."""
    with (proc / "cpuinfo").open(encoding="utf-8") as lines:
        return any("hypervisor" in line.split() for line in lines if line.startswith("flags"))


def _names(folder: Path) -> Iterator[str]:
    """The words of a command line, cut at commas; none of a process that is gone, or hidden."""
    try:
        words = (folder / "cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
    except OSError:
        return
    for word in words:
        yield from word.split(",")
