from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lab.cluster import diagnosis
from lab.errors import ClusterError, told
from tests.cluster import recorded
from tests.runtime.fake_node import FakeNode, gathered

if TYPE_CHECKING:
    from pathlib import Path

CONTAINERS = recorded.data("crictl-ps.json")["containers"]


def said(*, without: str = "", exited: str = "") -> str:
    """What crictl says where the containers called *exited* have all ended."""
    kept = [one for one in CONTAINERS if one["metadata"]["name"] != without]
    return json.dumps(
        {
            "containers": [
                {**one, "state": "CONTAINER_EXITED"} if one["metadata"]["name"] == exited else one
                for one in kept
            ]
        }
    )


def test_where_all_run_the_kubelet_is_asked() -> None:
    assert diagnosis.find("active\n", said()).name == "kubelet"


@pytest.mark.parametrize(("is_active", "why"), [("failed\n", "is failed"), ("", "is not there")])
def test_without_a_kubelet_nothing_else_can_be_to_blame(is_active: str, why: str) -> None:
    suspect = diagnosis.find(is_active, said(exited="etcd"))

    assert (suspect.name, suspect.why) == ("kubelet", why)
    assert "journalctl" in suspect.log


def test_the_first_that_others_need_is_to_blame() -> None:
    suspect = diagnosis.find("active\n", said(exited="etcd"))

    assert (suspect.name, suspect.why) == ("etcd", "is exited")
    assert suspect.log.startswith("crictl logs --tail 15 ")


def test_one_that_has_ended_and_runs_again_is_not_to_blame() -> None:
    ended = [one for one in CONTAINERS if one["state"] == "CONTAINER_EXITED"]

    assert {one["metadata"]["name"] for one in ended} == {
        "kube-apiserver",
        "kube-controller-manager",
    }
    assert diagnosis.find("active\n", json.dumps({"containers": CONTAINERS})).name == "kubelet"


def test_a_static_pod_that_is_not_there_is_the_kubelets_to_start() -> None:
    suspect = diagnosis.find("active\n", said(without="kube-scheduler"))

    assert suspect.name == "kube-scheduler"
    assert "was never started" in suspect.why
    assert "journalctl" in suspect.log


def test_what_is_not_to_run_yet_is_not_to_blame() -> None:
    suspect = diagnosis.find("active\n", said(without="kube-scheduler"), among=("etcd",))

    assert suspect.name == "kubelet"


@pytest.mark.parametrize("words", ["", "connection refused", '{"containers": null}'])
def test_a_containerd_that_does_not_answer_leaves_etcd_unstarted(words: str) -> None:
    assert diagnosis.find("active\n", words).name == "etcd"


def test_the_error_names_the_component_its_last_words_and_the_command(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    node.reply("is-active", gathered({"kubelet": "active\n", "containers": said(exited="etcd")}))
    node.reply("crictl logs", gathered({"log": "bind: address already in use\n"}))

    error = diagnosis.explained(node, "kubeadm makes no control plane")

    assert isinstance(error, ClusterError)
    assert error.problem == "kubeadm makes no control plane; on node-1 etcd is exited"
    assert "crictl logs --tail 15" in error.remedy
    assert "etcd said last:\n  bind: address already in use" in told(error)
