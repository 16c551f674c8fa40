"""What the scenarios of a cluster ask for: its API, and objects beside the sandbox."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from lab import posix
from lab.bench import NotMeasuredError
from lab.cluster import documents, objects
from lab.cluster.kube_node import CREATE
from lab.errors import LabError, told
from lab.outcome import Outcome
from lab.plan import PEER
from lab.runtime.pod import PodSandbox
from lab.wait import Pending, wait_for
from scenarios.beside import pod_beside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.bench import Bench
    from lab.cluster.api import Api
    from lab.cluster.documents import Document
    from lab.node import Node
    from lab.runtime.sandbox import Sandbox

TIMEOUT_S = 180.0
SERVICE = "peer"
SERVICE_PORT = 5301
FAR_NAME, FAR_NUMBER = "far-peer", 2000
"""Its address is far from those of the boots."""
LOOK = "look at its events: `lab shell`, then `kubectl describe`"


def need_calico(bench: Bench) -> None:
    """Go on only where Calico itself is: the lab's plugin makes neither tunnel nor blocks."""
    if not bench.setting.has_calico:
        reason = "Calico's artefacts are not here: the lab's CNI plugin stands in for it"
        raise NotMeasuredError(Outcome.UNSUPPORTED, reason)


def need_two_nodes(bench: Bench) -> None:
    """Go on only where there is something between nodes."""
    if bench.setting.is_single:
        reason = f"topology {bench.setting.topology.name} has one node: nothing is between nodes"
        raise NotMeasuredError(Outcome.UNSUPPORTED, reason)


@pytest.fixture(scope="session")
def api(bench: Bench) -> Api:
    """The cluster's API; these scenarios are of a cluster."""
    assert bench.setting.api is not None
    return bench.setting.api


@pytest.fixture(scope="session")
def far_peer(bench: Bench) -> Iterator[PodSandbox]:
    """A pod of runc on the control plane's own node, which lives as long as the run."""
    need_two_nodes(bench)
    need_calico(bench)
    there = dataclasses.replace(bench.setting, node=bench.setting.control_plane)
    made = PodSandbox(there, PEER, name=FAR_NAME, number=FAR_NUMBER, describe=objects.tolerant)
    try:
        made.start()
    except LabError as error:
        with suppress(LabError):  # the first error is the one to tell
            made.stop()
        raise NotMeasuredError(Outcome.INFRA, told(error)) from error
    yield made
    made.stop()


@contextmanager
def existing(api: Api, document: Document) -> Iterator[str]:
    """Have an object while the block runs; hand out what kubectl calls it."""
    name = f"{document['kind'].lower()}/{document['metadata']['name']}"
    text = documents.for_kubectl([document])
    api.run([*CREATE, "-f", "-"], timeout_s=TIMEOUT_S, stdin=text)
    try:
        yield name
    finally:
        api.run(["delete", name], timeout_s=TIMEOUT_S)


@pytest.fixture(scope="session")
def peer_service(peer: Sandbox, node: Node, api: Api) -> Iterator[str]:
    """The address of a service before the second sandbox, once the node knows of it."""
    document = objects.service(name=SERVICE, sandbox=peer.id, port=SERVICE_PORT)
    with existing(api, document) as name:
        ask = ["get", name, "-o", "jsonpath={.spec.clusterIP}"]
        address = api.run(ask, timeout_s=TIMEOUT_S).stdout.strip()

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
    with pod_beside(bench, sandbox, "pair", describe=objects.pair) as made:
        yield made


@pytest.fixture
def sharers(
    once_a_storage: None,  # noqa: ARG001 - asked first
    bench: Bench,
    sandbox: Sandbox,
    node: Node,
) -> Iterator[tuple[PodSandbox, PodSandbox]]:
    """Two pods of the sandbox's cell that have one folder of the node."""
    try:
        with (
            pod_beside(bench, sandbox, "first", describe=objects.sharing) as first,
            pod_beside(bench, sandbox, "second", describe=objects.sharing) as second,
        ):
            yield first, second
    finally:
        node.script(f"rm -rf {posix.SHARED}\n", timeout_s=TIMEOUT_S)
