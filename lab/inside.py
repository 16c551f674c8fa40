"""
The way into a sandbox that is up, from outside the process that has started it.

A sandbox is called by its boot (``tcfilter+9p+reference-r2``), by its cell, or by its name on the
node (``boot7``, ``peer``). Which of them are up the nodes say; which cell each is, the plan of the
run that the lab is for.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab import labs
from lab.cluster import cri_node, objects
from lab.cluster.pod_state import KUBECTL_LAB
from lab.errors import LabError, UsageError
from lab.loader import load_topology
from lab.matrix import Cell, Runtime
from lab.network.pod import SANDBOXES
from lab.plan import PEER, PEER_NAME, Boot
from lab.repeats import repeats
from lab.run_files import read_header
from lab.runtime import cri
from lab.runtime.setting import CTR
from lab.store import HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.labs import LabRecord, NodeRecord

LIST_TIMEOUT_S = 30.0
LIST = f"ls -1 {SANDBOXES} {cri_node.PODS} 2>/dev/null || :\n"
"""Each sandbox without Kubernetes has a folder, each of the CRI is announced to the CNI plugin."""
SHELL = "sh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How to get into one sandbox that is up."""

    name: str
    """The sandbox's, on its node."""
    cell: Cell
    lab: LabRecord
    node: NodeRecord
    """Where it runs."""
    control_plane: NodeRecord
    """Where kubectl is; the same one where there is but one node."""
    is_pod: bool

    @property
    def agent(self) -> Path | None:
        """The socket of the agent of a guest of the reference runtime, which has no terminal."""
        if self.cell.runtime is not Runtime.REFERENCE:
            return None
        return Path(self.node.sockets) / f"{self.name}.agent"

    @property
    def argv(self) -> list[str]:
        """The command that opens a terminal in a sandbox that has no such agent."""
        if self.is_pod:
            pod = f"{self.name} --container {objects.CONTAINER}"
            return _terminal(self.control_plane, f"{KUBECTL_LAB} exec -it {pod} -- {SHELL}")
        program = f"lab-shell-{os.getpid()}"
        if self.cell.runtime is Runtime.RUNC:
            return _terminal(
                self.node, f"{CTR} tasks exec --tty --exec-id {program} {self.name} {SHELL}"
            )
        pods = f"crictl pods -q --state ready --name '^{self.name}$'"
        find = f"crictl ps -q --name '^{cri.CONTAINER}$' --pod $({pods})"
        return _terminal(
            self.node, f"{cri_node.CTR} tasks exec --tty --exec-id {program} $({find}) {SHELL}"
        )


def find(name: str) -> Way:
    """
    The way into the sandbox called *name*, in the newest lab that has it.

    Raises:
        UsageError: if no such sandbox is up, with those that are.
        LabError: if a node does not answer.
    """
    seen: dict[str, Way] = {}
    for _, record in reversed(list(labs.records())):
        if record is not None:
            for each, way in ways(record).items():
                seen.setdefault(each, way)
    if name in seen:
        return seen[name]
    near = difflib.get_close_matches(name, seen, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}? " if near else ""
    up = ", ".join(dict.fromkeys(way.name for way in seen.values())) or "none"
    raise UsageError(
        f"no node and no sandbox {name!r} is up",
        remedy=f"{hint}sandboxes that are up: {up}; `lab status` lists the nodes. A run leaves"
        " its sandboxes up while it stands still: `lab matrix --pause-on fail`",
    )


def ways(record: LabRecord) -> Mapping[str, Way]:
    """The ways into a lab's sandboxes that are up, by all that each can be called."""
    try:
        header = read_header(Path(record.run) / HEADER) if record.run else None
        topology = load_topology(header.topology) if header else None
    except LabError:  # without its run nobody knows what its sandboxes are
        return {}
    if header is None or topology is None:
        return {}
    nodes = {node.name: node for node in record.nodes}
    node, control_plane = nodes.get(topology.node.name), nodes.get(topology.control_plane.name)
    if node is None or control_plane is None:
        return {}
    boots = {boot.sandbox: boot for boot in (*header.plan.order, *repeats(header.plan))}
    found = {}
    for name in node.reopen().script(LIST, timeout_s=LIST_TIMEOUT_S).split():
        if name == PEER_NAME or name in boots:
            way = Way(
                name=name,
                cell=boots[name].cell if name in boots else PEER,
                lab=record,
                node=node,
                control_plane=control_plane,
                is_pod=topology.is_cluster,
            )
            found.update(dict.fromkeys(_names(name, boots), way))
    return found


def _names(name: str, boots: Mapping[str, Boot]) -> tuple[str, ...]:
    boot = boots.get(name)
    return (name,) if boot is None else (name, boot.id, boot.cell_name)


def _terminal(node: NodeRecord, line: str) -> list[str]:
    return [*node.access.ssh("-t"), "--", line]
