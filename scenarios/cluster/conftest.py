"""What the scenarios of a cluster ask for: the node's kubectl, and objects beside the sandbox."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from lab.bench import NotMeasuredError
from lab.cluster import documents, objects
from lab.cluster.kube_node import CREATE
from lab.cluster.pod_state import KUBECTL_LAB
from lab.errors import SandboxError, told
from lab.outcome import Outcome
from lab.runtime.pod import PodSandbox
from lab.wait import Pending, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.bench import Bench
    from lab.cluster.documents import Document
    from lab.node import Node
    from lab.runtime.sandbox import Sandbox

TIMEOUT_S = 180.0
SERVICE = "peer"
SERVICE_PORT = 5301
PAIRS_NUMBER = 1000
"""Its address is far from those of the boots."""
LOOK = "look at its events: `lab shell`, then `kubectl describe`"


@contextmanager
def existing(node: Node, document: Document) -> Iterator[str]:
    """Have an object while the block runs; hand out what kubectl calls it."""
    name = f"{document['kind'].lower()}/{document['metadata']['name']}"
    text = documents.for_kubectl([document])
    node.script(f"{KUBECTL_LAB} {CREATE} -f - >/dev/null <<'LAB'\n{text}LAB\n", timeout_s=TIMEOUT_S)
    try:
        yield name
    finally:
        node.script(f"{KUBECTL_LAB} delete {name} >/dev/null\n", timeout_s=TIMEOUT_S)


@pytest.fixture(scope="session")
def peer_service(peer: Sandbox, node: Node) -> Iterator[str]:
    """The address of a service before the second sandbox, once the node knows of it."""
    document = objects.service(name=SERVICE, sandbox=peer.id, port=SERVICE_PORT)
    with existing(node, document) as name:
        ask = f"{KUBECTL_LAB} get {name} -o jsonpath={{.spec.clusterIP}}"
        address = node.script(ask, timeout_s=TIMEOUT_S).strip()

        def probe() -> str:
            rules = node.script("iptables-save -t nat", timeout_s=TIMEOUT_S)
            if f"{peer.address}:{SERVICE_PORT}" not in rules:
                raise Pending("kube-proxy has no rule for it")
            return address

        yield wait_for(f"service {address}", probe, timeout_s=TIMEOUT_S, every_s=2.0, remedy=LOOK)


@pytest.fixture
def container_restart(bench: Bench) -> Callable[[], None]:
    """Ends the sandbox's container, and waits until the kubelet has started it again."""
    return bench.restart


@pytest.fixture
def pair(bench: Bench, sandbox: Sandbox) -> Iterator[PodSandbox]:
    """A second pod of the sandbox's cell, with two containers."""
    made = PodSandbox(
        bench.setting,
        sandbox.cell,
        name=f"{sandbox.id}-pair",
        number=PAIRS_NUMBER,
        describe=objects.pair,
    )
    try:
        try:
            made.start()
        except SandboxError as error:  # of the second pod: the sandbox itself is well
            raise NotMeasuredError(Outcome.BLOCKED, told(error)) from error
        yield made
    finally:
        made.stop()
