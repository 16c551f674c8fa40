from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lab.cluster import cluster_up, kube_node, state
from lab.cluster.artefacts.loaded import load_artefacts
from lab.cluster.cluster_up import ClusterNodes
from lab.cluster.kit import Kit
from lab.errors import ClusterError, told
from lab.loader import load_topology
from tests.cluster import built, recorded
from tests.cluster.specimens import CA_HASH, SAID
from tests.runtime.fake_node import FakeApi, FakeNode, completed, gathered

if TYPE_CHECKING:
    from pathlib import Path

    from lab.cluster.parts import ClusterParts

SINGLE = load_topology("k8s-single")
PAIR = load_topology("k8s-calico-kata")
UP = recorded.text("nodes-and-pods.json")
DOWN = completed(status=1, stderr="connection refused\n")


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeNode:
    monkeypatch.setattr(cluster_up, "EVERY_S", 0.0)
    fake = FakeNode(tmp_path)
    fake.reply(state.BOOTED, f"{recorded.BOOTED}\n")
    fake.reply("get --raw /readyz", "ok")
    fake.reply("get nodes,pods", UP)
    fake.reply(
        "is-active",
        gathered(
            {"kubelet": "active\n", "containers": recorded.text("crictl-ps.json")},
        ),
    )
    return fake


@pytest.fixture
def single(node: FakeNode) -> ClusterNodes:
    """A cluster of the one node."""
    return ClusterNodes(api=FakeApi(node))


@pytest.fixture
def parts(tmp_path: Path) -> ClusterParts:
    lock_file = built.fill_cluster(tmp_path / "built")
    return kube_node.parts_of(Kit.of_cluster(load_artefacts(lock_file, tmp_path / "built")))


def up(*nodes: str) -> str:
    """What the recorded cluster would say if it were of *nodes*."""
    items = recorded.data("nodes-and-pods.json")["items"]
    everywhere = [
        item
        for item in items
        if item["kind"] == "Node" or item["metadata"]["name"].startswith("kube-proxy")
    ]
    others = [item for item in items if item not in everywhere]
    return json.dumps({"items": [*others, *(everywhere * len(nodes))]})


@pytest.fixture
def worker(tmp_path: Path, node: FakeNode) -> FakeNode:
    """A second node, and a control plane that knows of it."""
    node.name = "control-1"
    node.reply("get nodes,pods", up("control-1", "worker-1"))
    node.reply(kube_node.INVITATION, SAID)
    return FakeNode(tmp_path, name="worker-1")


@pytest.fixture
def pair(node: FakeNode, worker: FakeNode) -> ClusterNodes:
    return ClusterNodes(api=FakeApi(node), workers=(worker,))


def test_a_cluster_is_made_waited_for_and_closed(
    node: FakeNode, single: ClusterNodes, parts: ClusterParts
) -> None:
    cluster_up.make(single, SINGLE, parts)

    steps = [text for text in node.ran if "get nodes,pods" not in text]
    (asked,) = (step for step in steps if "/readyz" in step)
    assert steps == [
        *(kube_node.INIT, kube_node.APPLY, asked),
        *(kube_node.INIT_LATER, state.BOOTED, kube_node.CLOSE),
    ]


def test_a_prepared_one_is_started_and_waited_for(node: FakeNode, single: ClusterNodes) -> None:
    node.reply("get --raw /readyz", iter(["[+]ping ok", "ok"]))
    node.reply("get nodes,pods", iter([up(), UP]))

    cluster_up.start(single, has_calico=False)

    api = [text for text in node.ran if text.startswith("kubectl")]
    assert [node.ran[0], *node.ran[3:5]] == [kube_node.START, kube_node.START_LATER, state.BOOTED]
    assert [node.ran[1:3], node.ran[5:]] == [api[:2], api[2:]]
    assert len(api) == 4


def test_an_api_that_never_answers_is_explained(
    node: FakeNode, single: ClusterNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_up, "START_TIMEOUT_S", 0.5)
    node.reply("get --raw /readyz", completed(status=1, stderr="connection refused\n"))

    with pytest.raises(ClusterError, match=r"the API on .* not ready .*connection refused"):
        cluster_up.start(single, has_calico=False)

    assert kube_node.START_LATER not in node.ran


def test_one_with_calico_is_not_up_without_it(
    single: ClusterNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_up, "READY_TIMEOUT_S", 0.0)

    with pytest.raises(ClusterError, match="not Ready: calico-node"):
        cluster_up.start(single, has_calico=True)


def test_one_that_does_not_come_names_what_fails(
    node: FakeNode, single: ClusterNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_up, "READY_TIMEOUT_S", 0.0)
    node.reply("get nodes,pods", DOWN)
    node.reply("journalctl", gathered({"log": "node not found\n"}))

    with pytest.raises(ClusterError, match="the API does not answer: connection refused") as caught:
        cluster_up.start(single, has_calico=False)

    assert "kubelet said last:\n  node not found" in told(caught.value)
    assert "journalctl --no-pager -u kubelet" in caught.value.remedy


def test_a_kubeadm_that_fails_is_quoted(
    node: FakeNode, single: ClusterNodes, parts: ClusterParts
) -> None:
    node.reply("kubeadm init", completed(status=1, stderr="exit"))
    node.reply(f"tail -n 15 {kube_node.INIT_LOG}", gathered({"log": "[preflight] Some fatal\n"}))

    with pytest.raises(ClusterError, match="kubeadm makes no control plane") as caught:
        cluster_up.make(single, SINGLE, parts)

    assert "[preflight] Some fatal" in told(caught.value)


def test_a_worker_joins_once_the_control_plane_is_there(
    node: FakeNode, worker: FakeNode, pair: ClusterNodes, parts: ClusterParts
) -> None:
    cluster_up.make(pair, PAIR, parts)

    (joined,) = (text for text in worker.ran if "kubeadm join" in text)
    assert f"- {CA_HASH}\n" in joined
    assert "apiServerEndpoint: 198.18.1.1:6443\n" in joined
    assert node.ran[0] == kube_node.INIT
    assert worker.ran[-1] == kube_node.CLOSE_WORKER
    assert node.ran[-1] == kube_node.CLOSE


def test_a_worker_ends_before_the_control_plane(
    node: FakeNode, worker: FakeNode, pair: ClusterNodes
) -> None:
    order = node.order = worker.order

    cluster_up.end(pair)

    assert (worker.ran, node.ran) == ([kube_node.END_WORKER], [kube_node.END])
    assert order == ["worker-1", "control-1"]


def test_a_workers_kubelet_is_started_once_the_api_answers(
    node: FakeNode, worker: FakeNode, pair: ClusterNodes
) -> None:
    cluster_up.start(pair, has_calico=False)

    assert node.ran[0] == kube_node.START
    assert worker.ran == [kube_node.START]


@pytest.mark.usefixtures("worker")
def test_a_cluster_is_not_up_until_each_node_has_what_belongs_on_it(
    node: FakeNode, pair: ClusterNodes
) -> None:
    answers = iter([up("control-1"), up("control-1", "worker-1")])
    node.reply("get nodes,pods", answers)

    cluster_up.start(pair, has_calico=False)

    assert next(answers, None) is None


def test_a_worker_that_fails_is_named_where_the_control_plane_does_not(
    node: FakeNode, worker: FakeNode, pair: ClusterNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_up, "READY_TIMEOUT_S", 0.0)
    node.reply("get nodes,pods", up("control-1"))
    worker.reply("is-active", gathered({"kubelet": "failed\n", "containers": ""}))
    worker.reply("journalctl", gathered({"log": "no such node\n"}))

    with pytest.raises(ClusterError, match="1 of 2 nodes are Ready; on worker-1 kubelet") as caught:
        cluster_up.start(pair, has_calico=False)

    assert "no such node" in told(caught.value)
    assert "worker-1" in caught.value.remedy


def test_a_worker_that_cannot_join_is_quoted(
    worker: FakeNode, pair: ClusterNodes, parts: ClusterParts
) -> None:
    worker.reply("kubeadm join", completed(status=1, stderr="exit"))
    worker.reply("is-active", gathered({"kubelet": "active\n", "containers": "{}"}))
    worker.reply(
        f"tail -n 15 {kube_node.JOIN_LOG}", gathered({"log": "couldn't validate the CA\n"})
    )

    with pytest.raises(ClusterError, match="joins no control plane; on worker-1") as caught:
        cluster_up.make(pair, PAIR, parts)

    assert "couldn't validate the CA" in told(caught.value)


@pytest.mark.usefixtures("node")
def test_a_worker_that_does_not_start_is_diagnosed(worker: FakeNode, pair: ClusterNodes) -> None:
    worker.reply("systemctl start kubelet", completed(status=1, stderr="exit"))
    worker.reply("is-active", gathered({"kubelet": "failed\n", "containers": ""}))
    worker.reply("journalctl", gathered({"log": "swap is on\n"}))

    with pytest.raises(
        ClusterError, match="the worker does not start; on worker-1 kubelet is failed"
    ) as caught:
        cluster_up.start(pair, has_calico=False)

    assert "swap is on" in told(caught.value)
    assert "worker-1" in caught.value.remedy


@pytest.mark.parametrize("who", ["worker-1", "control-1"])
def test_what_does_not_end_in_order_is_diagnosed(
    node: FakeNode, worker: FakeNode, pair: ClusterNodes, who: str
) -> None:
    failing = {"worker-1": worker, "control-1": node}[who]
    failing.reply("systemctl stop kubelet", completed(status=1, stderr="exit"))
    worker.reply("is-active", gathered({"kubelet": "active\n", "containers": ""}))

    with pytest.raises(ClusterError, match=f"does not end in order; on {who} kubelet"):
        cluster_up.end(pair)
