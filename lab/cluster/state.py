"""Whether a cluster is up: what its API says of nodes and pods, and which of that is from today."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lab.cluster.objects import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ON_EACH_NODE = ("kube-proxy", "calico-node")
"""The components of which every node has a pod."""
BOOTED = "boot time"
STATE = "nodes and pods"


def questions(kubectl: str) -> dict[str, str]:
    """What to ask the control plane's node: shell lines, by name."""
    return {
        BOOTED: "sed -n 's/^btime //p' /proc/stat",
        STATE: f"{kubectl} get nodes,pods --all-namespaces -o json",
    }


def lacks(answers: Mapping[str, str], *, nodes: int, components: Iterable[str]) -> str:
    """
    Say what the cluster still lacks; nothing if it is up.

    A prepared cluster remembers what it was before the node started: what is older than the
    boot is not true any more. A new one has yet to make the pods of some *components*.
    """
    booted, text = answers[BOOTED].strip(), answers[STATE]
    try:
        items: list[dict[str, Any]] = json.loads(text)["items"]
    except (ValueError, KeyError, TypeError):
        return f"the API does not answer: {_last_line(text)}"
    since = float(booted)
    ready = [item for item in items if item["kind"] == "Node" and _is_ready_node(item, since)]
    if len(ready) < nodes:
        return f"{len(ready)} of {nodes} nodes are Ready"
    pods = [item for item in items if item["kind"] == "Pod" and _is_clusters(item)]
    names = [pod["metadata"]["name"] for pod in pods]
    missing = [
        one
        for one in components
        if sum(name.startswith(one) for name in names) < (nodes if one in ON_EACH_NODE else 1)
    ]
    waiting = [*missing, *sorted({pod["metadata"]["name"] for pod in pods if _lacks(pod, since)})]
    return f"not Ready: {', '.join(waiting)}" if waiting else ""


def _is_ready_node(node: dict[str, Any], since: float) -> bool:
    for condition in node.get("status", {}).get("conditions", []):
        if condition["type"] == "Ready":
            is_new = _seconds(condition, "lastHeartbeatTime") >= since
            return is_new and condition["status"] == "True"
    return False


def _is_clusters(pod: dict[str, Any]) -> bool:
    is_lab = pod["metadata"]["namespace"] == NAMESPACE
    return not is_lab and pod.get("status", {}).get("phase") != "Succeeded"


def _lacks(pod: dict[str, Any], since: float) -> bool:
    """Whether some container of *pod* is not ready, or was so before the node started."""
    containers = pod.get("status", {}).get("containerStatuses", [])
    return not containers or any(
        not one["ready"] or _seconds(one.get("state", {}).get("running", {}), "startedAt") < since
        for one in containers
    )


def _seconds(table: dict[str, Any], key: str) -> float:
    return datetime.fromisoformat(table[key]).timestamp() if table.get(key) else 0.0


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]
