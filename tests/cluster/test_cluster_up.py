from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.cluster import cluster_up, kube_node, state
from lab.errors import ClusterError, told
from tests.cluster import recorded
from tests.runtime.fake_node import FakeNode, completed, gathered

if TYPE_CHECKING:
    from pathlib import Path

UP = gathered(
    {state.BOOTED: f"{recorded.BOOTED}\n", state.STATE: recorded.text("nodes-and-pods.json")}
)
DOWN = gathered({state.BOOTED: "1\n", state.STATE: "connection refused\n"})


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeNode:
    monkeypatch.setattr(cluster_up, "EVERY_S", 0.0)
    fake = FakeNode(tmp_path)
    fake.reply("get nodes,pods", UP)
    fake.reply(
        "is-active",
        gathered(
            {"kubelet": "active\n", "containers": recorded.text("crictl-ps.json")},
        ),
    )
    return fake


def test_a_cluster_is_made_waited_for_and_ended(node: FakeNode) -> None:
    cluster_up.make(node, has_calico=False)

    steps = [text for text in node.ran if "get nodes,pods" not in text]
    assert steps == [kube_node.INIT, kube_node.APPLY, kube_node.END]


def test_a_prepared_one_is_started_and_waited_for(node: FakeNode) -> None:
    node.reply("get nodes,pods", iter([DOWN, UP]))

    cluster_up.start(node, has_calico=False)

    assert node.ran[0] == kube_node.START
    assert len(node.ran) == 3


def test_one_with_calico_is_not_up_without_it(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_up, "READY_TIMEOUT_S", 0.0)

    with pytest.raises(ClusterError, match="not Ready: calico-node"):
        cluster_up.start(node, has_calico=True)


def test_one_that_does_not_come_names_what_fails(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_up, "READY_TIMEOUT_S", 0.0)
    node.reply("get nodes,pods", DOWN)
    node.reply("journalctl", gathered({"log": "node not found\n"}))

    with pytest.raises(ClusterError, match="the API does not answer: connection refused") as caught:
        cluster_up.start(node, has_calico=False)

    assert "kubelet said last:\n  node not found" in told(caught.value)
    assert "journalctl --no-pager -u kubelet" in caught.value.remedy


def test_a_kubeadm_that_fails_is_quoted(node: FakeNode) -> None:
    node.reply("kubeadm init", completed(status=1, stderr="exit"))
    node.reply(f"tail -n 15 {kube_node.INIT_LOG}", gathered({"log": "[preflight] Some fatal\n"}))

    with pytest.raises(ClusterError, match="kubeadm makes no control plane") as caught:
        cluster_up.make(node, has_calico=False)

    assert "[preflight] Some fatal" in told(caught.value)
