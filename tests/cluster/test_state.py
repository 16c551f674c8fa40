from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lab.cluster import diagnosis, state
from tests.cluster import recorded

if TYPE_CHECKING:
    from collections.abc import Callable

ITEMS = recorded.data("nodes-and-pods.json")["items"]


def lacks(items: list[dict[str, Any]], *, booted: float = recorded.BOOTED, nodes: int = 1) -> str:
    answer = json.dumps({"items": items})
    return state.lacks(answer, booted=f"{booted}\n", nodes=nodes, components=diagnosis.OWN)


def changed(name: str, change: Callable[[dict[str, Any]], object]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = recorded.data("nodes-and-pods.json")["items"]
    for item in items:
        if item["metadata"]["name"].startswith(name):
            change(item)
    return items


def test_a_cluster_that_is_up_lacks_nothing() -> None:
    assert lacks(ITEMS) == ""


def test_what_it_was_before_the_node_started_is_not_what_it_is() -> None:
    assert lacks(ITEMS, booted=2e9) == "0 of 1 nodes are Ready"

    heard = changed(
        "node-1", lambda node: _condition(node).update(lastHeartbeatTime="2040-01-01T00:00:00Z")
    )
    assert lacks(heard, booted=2e9).startswith("not Ready: etcd-node-1, kube-apiserver-node-1")


def test_a_node_that_is_not_ready_is_none() -> None:
    assert lacks(changed("node-1", lambda node: _condition(node).update(status="False"))) == (
        "0 of 1 nodes are Ready"
    )
    assert lacks(ITEMS, nodes=2) == "1 of 2 nodes are Ready"


def test_a_pod_that_is_yet_to_be_made_is_waited_for() -> None:
    items = [item for item in ITEMS if not item["metadata"]["name"].startswith("kube-proxy")]

    assert lacks(items) == "not Ready: kube-proxy"


def test_a_pod_that_belongs_on_each_node_is_waited_for_on_each() -> None:
    nodes = [item for item in ITEMS if item["kind"] == "Node"]
    proxies = [item for item in ITEMS if item["metadata"]["name"].startswith("kube-proxy")]

    assert lacks([*ITEMS, *nodes], nodes=2) == "not Ready: kube-proxy"
    assert lacks([*ITEMS, *nodes, *proxies], nodes=2) == ""


def test_a_pod_whose_containers_are_yet_to_be_made_is_waited_for() -> None:
    items = changed("kube-proxy", lambda pod: pod["status"].pop("containerStatuses"))

    assert lacks(items).startswith("not Ready: kube-proxy-")


def test_a_sandbox_that_is_not_ready_is_no_part_of_the_cluster() -> None:
    items = changed("boot0", lambda pod: pod["status"]["containerStatuses"][0].update(ready=False))

    assert lacks(items) == ""


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("E1124 memcache.go\nThe connection to the server was refused\n", "server was refused"),
        ("", "it said nothing"),
        ("[]", "[]"),
        ("{}", "{}"),
    ],
)
def test_an_api_that_does_not_answer_is_quoted(said: str, told: str) -> None:
    lack = state.lacks(said, booted="1\n", nodes=1, components=())

    assert lack.startswith("the API does not answer: ")
    assert told in lack


def _condition(node: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(
        each for each in node["status"].get("conditions", []) if each["type"] == "Ready"
    )
    return found
