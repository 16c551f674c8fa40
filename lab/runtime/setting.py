"""What every sandbox of a lab is started from: the same nodes, programs and images."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab.decode import quoted
from lab.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.cluster.api import Api
    from lab.cluster.handler import Handler
    from lab.matrix import Cell
    from lab.node import Node
    from lab.topology import Topology

CONTAINERD_NAMESPACE = "lab"
CTR = f"ctr -n {CONTAINERD_NAMESPACE}"
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 90.0
QUESTIONS_TIMEOUT_S = 60.0
REMEDY = "look at the node: `lab matrix --keep failed`, then `lab shell NODE`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The nodes, and what on the measured one a sandbox is made from."""

    node: Node
    """The one that is measured: sandboxes run on it, and what is in effect is read there."""
    control_plane: Node
    """The one whose API is asked for pods; the same one where there is but one."""
    topology: Topology
    image: str
    """The workload image's name in containerd."""
    layer: str
    """The name of its only layer's snapshot: the layer's digest (OCI image spec, chain id)."""
    guest_kernel: str
    """A path on the node, like the next one."""
    guest_initramfs: str
    guest_parameters: str = ""
    """What the guest's kernel is told besides what Kata tells it."""
    handlers: Mapping[Cell, Handler] = field(default_factory=dict)
    """Which of containerd's handlers starts a cell of Kata's, or any cell as a pod."""
    has_calico: bool = False
    """Whether pods get their network from Calico, not from the lab's own CNI plugin."""
    api: Api | None = None
    """The cluster's, where sandboxes are pods."""
    locked_images: Mapping[str, str] = field(default_factory=dict)
    """By name: the digest of the manifest of each container image that the node may run."""
    locked_programs: Mapping[str, str] = field(default_factory=dict)
    """By path on the node: the SHA-256 of each program that it has of the artefacts."""

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes without which nothing can be measured, each once."""
        return (self.node,) if self.is_single else (self.node, self.control_plane)

    @property
    def is_single(self) -> bool:
        """Whether the node that is measured is all that there is."""
        return self.control_plane is self.node


def pss_script(pid_question: str) -> str:
    """
    A shell script that adds up the proportional set size, in KiB, of processes and children.

    Source: proc(5), smaps_rollup. *pid_question* is a shell word, or several, that give the
    pids; one that is another's child counts once.
    """
    return (
        f'pids=$(for pid in {pid_question}; do echo "$pid"; pgrep -P "$pid" || :; done | sort -u);'
        ' [ -n "$pids" ]; total=0; for one in $pids; do'
        " kib=$(awk '/^Pss:/ { print $2 }' /proc/$one/smaps_rollup);"
        " total=$((total + kib)); done; echo $total\n"
    )


def pss_bytes(answer: str) -> int:
    """
    Read what :func:`pss_script` printed.

    Raises:
        SandboxError: if it is no number: there was no such process.
    """
    if (found := _KIB.fullmatch(answer)) is None:
        problem = f"no process tells its memory: {quoted(answer) or 'nothing was said'}"
        raise SandboxError(problem, remedy=REMEDY)
    return int(found[1]) * 1024


_KIB = re.compile(r"([0-9]{1,15})\n?")
