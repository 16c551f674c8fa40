"""Bringing a cluster up on its nodes: once by kubeadm, and each time after that."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lab.cluster import diagnosis, kube_node, state
from lab.cluster.api import Api
from lab.cluster.kubeadm import Invitation
from lab.decode import quoted
from lab.errors import ClusterError, CommandError, NotReadyError
from lab.together import together
from lab.wait import Pending, wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lab.cluster.parts import ClusterParts
    from lab.node import Node
    from lab.topology import Topology

KUBEADM_TIMEOUT_S = 900.0
APPLY_TIMEOUT_S = 300.0
START_TIMEOUT_S = 600.0
READY_TIMEOUT_S = 600.0
"""For each node: all share the processors of one machine."""
ASK_TIMEOUT_S = 120.0
END_TIMEOUT_S = 240.0
FIRST = ("etcd", "kube-apiserver")
"""What the API needs; the rest is started after it."""
READY = ("get", "--raw", "/readyz")
EVERY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterNodes:
    """The nodes of a cluster, up or about to be."""

    api: Api
    workers: tuple[Node, ...] = ()
    """The others; none where the control plane's node is worker too."""

    @property
    def control_plane(self) -> Node:
        """The one that the API is on."""
        return self.api.node

    @classmethod
    def of(cls, topology: Topology, nodes: Mapping[str, Node], kubectl: Path) -> ClusterNodes:
        """Tell the *nodes*, by name, apart by what *topology* has them for."""
        return cls(
            api=Api(nodes[topology.control_plane.name], kubectl),
            workers=tuple(nodes[worker.name] for worker in topology.workers),
        )


def make(nodes: ClusterNodes, topology: Topology, parts: ClusterParts) -> None:
    """
    Make a cluster of *nodes* that are laid out, and wait until it is up.

    Raises:
        ClusterError: if it does not come up, with the component that fails and its last words.
    """
    first = nodes.control_plane
    _kubeadm(first, kube_node.INIT, "kubeadm makes no control plane", log=kube_node.INIT_LOG)
    _run(first, kube_node.APPLY, "the API takes no objects", timeout_s=APPLY_TIMEOUT_S)
    _wait_for_api(nodes.api)
    _run(first, kube_node.INIT_LATER, "the rest cannot be started", timeout_s=START_TIMEOUT_S)
    if nodes.workers:
        said = first.script(kube_node.INVITATION, timeout_s=ASK_TIMEOUT_S)
        invitation = Invitation.read(said)
        together(
            [
                partial(_join, node, kube_node.join_script(topology, parts, spec, invitation))
                for node, spec in zip(nodes.workers, topology.workers, strict=True)
            ]
        )
    wait_until_up(nodes, has_calico=parts.has_calico)
    for worker in nodes.workers:
        _run(
            worker,
            kube_node.CLOSE_WORKER,
            "the worker cannot be closed",
            timeout_s=ASK_TIMEOUT_S,
            among=diagnosis.OF_WORKERS,
        )
    _run(first, kube_node.CLOSE, "the cluster cannot be closed", timeout_s=END_TIMEOUT_S)


def end(nodes: ClusterNodes) -> None:
    """
    End the cluster of *nodes* in order, so that their disks can be started from.

    Raises:
        ClusterError: if it does not end, with the component that fails and its last words.
    """
    for worker in nodes.workers:
        _run(
            worker,
            kube_node.END_WORKER,
            "the worker does not end in order",
            timeout_s=END_TIMEOUT_S,
            among=diagnosis.OF_WORKERS,
        )
    first = nodes.control_plane
    _run(first, kube_node.END, "the cluster does not end in order", timeout_s=END_TIMEOUT_S)


def start(nodes: ClusterNodes, *, has_calico: bool) -> None:
    """
    Start the cluster of *nodes* that were prepared, and wait until it is up.

    Raises:
        ClusterError: if it does not come up, with the component that fails and its last words.
    """
    first = nodes.control_plane
    _run(first, kube_node.START, "the kubelet does not start", timeout_s=START_TIMEOUT_S)
    _wait_for_api(nodes.api)
    _run(first, kube_node.START_LATER, "the rest cannot be started", timeout_s=START_TIMEOUT_S)
    for worker in nodes.workers:
        _run(
            worker,
            kube_node.START,
            "the worker does not start",
            timeout_s=START_TIMEOUT_S,
            among=diagnosis.OF_WORKERS,
        )
    wait_until_up(nodes, has_calico=has_calico)


def wait_until_up(nodes: ClusterNodes, *, has_calico: bool, has_booted: bool = True) -> None:
    """
    Wait until the API answers, and what it says of nodes and pods is good.

    Args:
        has_booted: Whether the nodes have, so that what is older than that is not true any more.

    Raises:
        ClusterError: if that does not come, with the component that fails and its last words.
    """
    first, count = nodes.control_plane, 1 + len(nodes.workers)
    components = diagnosis.COMPONENTS if has_calico else diagnosis.OWN
    booted = first.script(state.BOOTED, timeout_s=ASK_TIMEOUT_S) if has_booted else "0"

    def probe() -> None:
        answer = nodes.api.ask(state.QUESTION, timeout_s=ASK_TIMEOUT_S)
        if lack := state.lacks(answer, booted=booted, nodes=count, components=components):
            raise Pending(lack)

    try:
        wait_for(
            f"the cluster on {first.name}",
            probe,
            timeout_s=READY_TIMEOUT_S * count,
            every_s=EVERY_S,
            remedy="read what its components say",
        )
    except NotReadyError as error:
        raise diagnosis.explained(first, error.problem, workers=nodes.workers) from error


def _wait_for_api(api: Api) -> None:
    def probe() -> None:
        said = api.ask(READY, timeout_s=ASK_TIMEOUT_S)
        if said.strip() != "ok":
            raise Pending(f"it says {quoted(said)}")

    try:
        wait_for(
            f"the API on {api.node.name}",
            probe,
            timeout_s=START_TIMEOUT_S,
            every_s=EVERY_S,
            remedy="read what its components say",
        )
    except NotReadyError as error:
        raise diagnosis.explained(api.node, error.problem, among=FIRST) from error


def _join(node: Node, script: str) -> None:
    _kubeadm(
        node,
        script,
        "kubeadm joins no control plane",
        log=kube_node.JOIN_LOG,
        among=diagnosis.OF_WORKERS,
    )


def _kubeadm(
    node: Node,
    script: str,
    problem: str,
    *,
    log: str,
    among: tuple[str, ...] = diagnosis.COMPONENTS,
) -> None:
    """Run a *script* of kubeadm's, which writes its *log* on the node."""
    try:
        _run(node, script, problem, timeout_s=KUBEADM_TIMEOUT_S, among=among)
    except ClusterError as error:
        said = node.gather({"log": f"tail -n 15 {log}"}, timeout_s=ASK_TIMEOUT_S)
        error.add_note(f"kubeadm said last:\n{said['log']}")
        raise


def _run(
    node: Node,
    script: str,
    problem: str,
    *,
    timeout_s: float,
    among: tuple[str, ...] = diagnosis.COMPONENTS,
) -> None:
    try:
        node.script(script, timeout_s=timeout_s)
    except CommandError as error:
        raise diagnosis.explained(node, problem, among=among) from error
