"""Which component of a cluster fails, what it said last, and how to look further."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from lab.cluster.parts import CONTROL_PLANE
from lab.decode import DecodeError, json_as
from lab.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.node import Node

TAIL_LINES = 15
TIMEOUT_S = 120.0
KUBELET, CONTAINERS = "kubelet", "containers"
OWN = (*CONTROL_PLANE, "kube-proxy")
"""Kubernetes' own: those that a cluster without Calico has."""
COMPONENTS = (*OWN, "calico-node")
"""In the order in which each needs those before it."""
OF_WORKERS = tuple(name for name in COMPONENTS if name not in CONTROL_PLANE)
"""Those that can run where no control plane is."""
RUNNING = "CONTAINER_RUNNING"


class _Named(msgspec.Struct):
    name: str


class _Container(msgspec.Struct):
    """A container as ``crictl ps`` lists it; *created* is in ns, as a text."""

    id: str
    metadata: _Named
    state: str
    created: str = msgspec.field(name="createdAt")


class _List(msgspec.Struct):
    containers: list[_Container] | None = None


@dataclass(frozen=True, slots=True)
class Suspect:
    """A component, and the command that shows its log."""

    name: str
    why: str
    log: str
    is_at_fault: bool = True
    """Whether it is known to fail; else it is only the one that knows most."""


def explained(
    node: Node,
    problem: str,
    *,
    among: tuple[str, ...] = COMPONENTS,
    workers: Sequence[Node] = (),
) -> ClusterError:
    """
    An error that names the one of the components on *node* that fails, with its log.

    Where none does there, one of those on its *workers*.
    """
    suspect, where = _suspected(node, among), node
    for worker in workers:
        if suspect.is_at_fault:
            break
        found = _suspected(worker, OF_WORKERS)
        if found.is_at_fault:
            suspect, where = found, worker
    log = where.gather({"log": f"{suspect.log} 2>&1 | tail -n {TAIL_LINES}"}, timeout_s=TIMEOUT_S)
    error = ClusterError(
        f"{problem}; on {where.name} {suspect.name} {suspect.why}",
        remedy=f"look further on {where.name}, while it is up: `{suspect.log}`",
    )
    error.add_note(
        f"{suspect.name} said last:\n" + "\n".join(f"  {x}" for x in log["log"].splitlines())
    )
    return error


def _suspected(node: Node, among: tuple[str, ...]) -> Suspect:
    questions = {
        KUBELET: "systemctl is-active kubelet",
        CONTAINERS: "crictl ps -a -o json",
    }
    answers = node.gather(questions, timeout_s=TIMEOUT_S)
    return find(answers[KUBELET], answers[CONTAINERS], among=among)


def find(kubelet: str, containers: str, *, among: tuple[str, ...] = COMPONENTS) -> Suspect:
    """The first component that does not run; the kubelet, where none can be told."""
    journal = f"journalctl --no-pager -u kubelet -n {TAIL_LINES}"
    if kubelet.strip() != "active":
        return Suspect("kubelet", f"is {kubelet.strip() or 'not there'}", journal)
    newest = _newest(containers)
    for name in among:
        container = newest.get(name)
        if container is None and name in CONTROL_PLANE:
            return Suspect(name, "was never started; the kubelet would start it", journal)
        if container is not None and container.state != RUNNING:
            state = container.state.removeprefix("CONTAINER_").lower()
            log = f"crictl logs --tail {TAIL_LINES} {shlex.quote(container.id)}"
            return Suspect(name, f"is {state}", log)
    return Suspect("kubelet", "runs, as all the others do", journal, is_at_fault=False)


def _newest(containers: str) -> dict[str, _Container]:
    """The newest container of each name."""
    try:
        listed = json_as(containers, _List).containers or []
    except DecodeError:
        return {}
    listed.sort(key=lambda one: (len(one.created), one.created))
    return {one.metadata.name: one for one in listed}
