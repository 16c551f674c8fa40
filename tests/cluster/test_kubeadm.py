from __future__ import annotations

from typing import Any

import pytest
import yaml

from lab.cluster import kubeadm, kubelet
from lab.cluster.kata_config import AGENT_TIMEOUT_S, CONTAINER_TIMEOUT_S
from lab.errors import ClusterError
from tests.cluster.specimens import CA_HASH, INVITATION, SAID, SINGLE, SPEC, WORKER


def by_kind(text: str) -> dict[str, dict[str, Any]]:
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


def test_one_file_configures_kubeadm_kubelet_and_kube_proxy() -> None:
    assert list(by_kind(kubeadm.init_configuration(SPEC))) == [
        "InitConfiguration",
        "ClusterConfiguration",
        "KubeletConfiguration",
        "KubeProxyConfiguration",
    ]


def test_only_a_single_node_runs_pods_beside_its_control_plane() -> None:
    single, control_plane = (
        by_kind(kubeadm.init_configuration(spec))["InitConfiguration"]["nodeRegistration"]
        for spec in (SINGLE, SPEC)
    )

    assert single["taints"] == []
    assert "taints" not in control_plane


def test_a_worker_joins_by_token_and_by_the_key_of_the_authority() -> None:
    join = by_kind(kubeadm.join_configuration(SPEC, WORKER, INVITATION))["JoinConfiguration"]

    assert join["discovery"]["bootstrapToken"] == {
        "apiServerEndpoint": "198.18.1.1:6443",
        "token": INVITATION.token,
        "caCertHashes": [CA_HASH],
    }
    assert join["nodeRegistration"]["name"] == "worker-1"
    assert {"name": "node-ip", "value": "198.18.1.2"} in join["nodeRegistration"][
        "kubeletExtraArgs"
    ]


def test_nothing_is_pulled_and_nobody_is_asked_for_a_version() -> None:
    init = by_kind(kubeadm.init_configuration(SPEC))

    assert init["InitConfiguration"]["nodeRegistration"]["imagePullPolicy"] == "Never"
    assert init["ClusterConfiguration"]["kubernetesVersion"] == "v1.36.2"


def test_arguments_are_strings_as_kubeadm_wants_them() -> None:
    cluster = by_kind(kubeadm.init_configuration(SPEC))["ClusterConfiguration"]
    components = (
        cluster["etcd"]["local"],
        cluster["apiServer"],
        cluster["controllerManager"],
        cluster["scheduler"],
    )

    values = [each["value"] for component in components for each in component["extraArgs"]]
    assert values
    assert all(isinstance(value, str) for value in values)


def test_static_pods_are_given_time() -> None:
    patches = kubeadm.patches()

    assert {name.partition("+")[0] for name in patches} == kubeadm.PROBES.keys()
    (container,) = yaml.safe_load(patches["etcd+strategic.yaml"])["spec"]["containers"]
    assert container == {
        "name": "etcd",
        "startupProbe": {"periodSeconds": 5, "timeoutSeconds": 60},
        "livenessProbe": {"periodSeconds": 30, "timeoutSeconds": 60},
    }


def test_the_kubelet_is_more_patient_than_katas_agent() -> None:
    assert kubelet.configuration()["runtimeRequestTimeout"] == "15m"
    assert AGENT_TIMEOUT_S + CONTAINER_TIMEOUT_S < 15 * 60


def test_an_invitation_is_what_kubeadm_said_last() -> None:
    assert kubeadm.Invitation.read(SAID) == INVITATION


def test_no_token_is_known_before_kubeadm_makes_one() -> None:
    assert "bootstrapTokens" not in by_kind(kubeadm.init_configuration(SPEC))["InitConfiguration"]


@pytest.mark.parametrize("said", ["", SAID.replace("abcdef.", "abcdef$(reboot)."), CA_HASH])
def test_no_invitation_is_an_error(said: str) -> None:
    with pytest.raises(ClusterError, match="no command by which"):
        kubeadm.Invitation.read(said)
