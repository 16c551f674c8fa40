from __future__ import annotations

import json

import pytest

from lab.cluster import cri_pod, pod_state
from lab.errors import SandboxError
from lab.network.pod import CALICO_ROUTES
from tests.cluster import recorded

LISTED = recorded.text("pods-and-events.json")


def test_a_pod_that_is_ready_is_so_whatever_others_are() -> None:
    state = pod_state.read(LISTED, name="boot0")

    assert state.is_ready
    assert (state.restarts, state.failure) == (0, "")
    assert state.runtime_class == "veth-overlayfs-runc"


def test_the_event_tells_why_a_pod_does_not_come_up() -> None:
    state = pod_state.read(LISTED, name="broken")

    assert not state.is_ready
    assert state.failure.startswith("FailedCreatePodSandBox: Failed to create pod sandbox: ")
    assert state.failure.endswith('no runtime for "nohandler" is configured')


def test_an_event_of_an_earlier_pod_of_the_name_is_not_its_own() -> None:
    listed = json.loads(LISTED)
    for item in listed["items"]:
        if item["kind"] == "Pod":
            item["metadata"]["uid"] = "another"

    assert pod_state.read(json.dumps(listed), name="broken").failure == ""


@pytest.mark.parametrize("answer", ["", "Unable to connect to the server", "{}", '{"items": 1}'])
def test_without_an_answer_there_is_no_pod(answer: str) -> None:
    state = pod_state.read(answer, name="boot0")

    assert not state.is_ready
    assert state.waiting.startswith("no such pod: ")


def test_containerd_knows_the_pods_network() -> None:
    pod = cri_pod.pod_of(recorded.text("crictl-inspectp.json"))

    assert str(pod.address) == "10.192.181.55/32"
    assert pod.mac == "aa:f3:9f:b6:2d:79"
    assert pod.namespace == "cni-f8bf6783-6c47-a8d8-3d9e-a960ac5273b6"
    assert pod.routes == CALICO_ROUTES


@pytest.mark.parametrize("answer", ["", "{}", '{"info": {"cniResult": null}}', "not found"])
def test_a_pod_without_a_network_is_an_error_that_quotes_containerd(answer: str) -> None:
    with pytest.raises(SandboxError, match="containerd knows of no network of the pod"):
        cri_pod.pod_of(answer)
