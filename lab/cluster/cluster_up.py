"""Bringing a cluster up on its node: once by kubeadm, and each time after that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.cluster import diagnosis, kube_node, state
from lab.errors import ClusterError, CommandError, NotReadyError
from lab.wait import Pending, wait_for

if TYPE_CHECKING:
    from lab.node import Node

INIT_TIMEOUT_S = 900.0
APPLY_TIMEOUT_S = 300.0
START_TIMEOUT_S = 600.0
READY_TIMEOUT_S = 600.0
ASK_TIMEOUT_S = 120.0
END_TIMEOUT_S = 240.0
FIRST = ("etcd", "kube-apiserver")
"""What the API needs; the rest is started after it."""
EVERY_S = 4.0
"""kubectl is a large program: on an emulated node it would keep the API from starting."""


def make(node: Node, *, has_calico: bool) -> None:
    """
    Make a cluster of one *node* that is laid out, wait until it is up, and end it in order.

    Raises:
        ClusterError: if it does not come up, with the component that fails and its last words.
    """
    try:
        _run(node, kube_node.INIT, "kubeadm makes no control plane", timeout_s=INIT_TIMEOUT_S)
    except ClusterError as error:
        said = node.gather({"log": f"tail -n 15 {kube_node.INIT_LOG}"}, timeout_s=ASK_TIMEOUT_S)
        error.add_note(f"kubeadm said last:\n{said['log']}")
        raise
    _run(node, kube_node.APPLY, "the API takes no objects", timeout_s=APPLY_TIMEOUT_S)
    wait_until_up(node, has_calico=has_calico)
    node.script(kube_node.END, timeout_s=END_TIMEOUT_S)


def start(node: Node, *, has_calico: bool) -> None:
    """
    Start the cluster of a *node* that was prepared, and wait until it is up.

    Raises:
        ClusterError: if it does not come up, with the component that fails and its last words.
    """
    _run(node, kube_node.START, "the API does not come up", timeout_s=START_TIMEOUT_S, among=FIRST)
    wait_until_up(node, has_calico=has_calico)


def wait_until_up(node: Node, *, has_calico: bool, nodes: int = 1) -> None:
    """Wait until the API answers, and what it says of nodes and pods is good and of today."""
    questions = state.questions(kube_node.KUBECTL)
    components = diagnosis.COMPONENTS if has_calico else diagnosis.OWN

    def probe() -> None:
        answers = node.gather(questions, timeout_s=ASK_TIMEOUT_S)
        if lack := state.lacks(answers, nodes=nodes, components=components):
            raise Pending(lack)

    try:
        wait_for(
            f"the cluster on {node.name}",
            probe,
            timeout_s=READY_TIMEOUT_S,
            every_s=EVERY_S,
            remedy="read what its components say",
        )
    except NotReadyError as error:
        raise diagnosis.explained(node, error.problem) from error


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
