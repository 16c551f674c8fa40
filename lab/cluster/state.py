"""Whether a cluster is up: what its API says of nodes and pods, and which of that is from today."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lab.cluster.objects import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator

BOOTED = "boot time"
STATE = "nodes and pods"


def questions(kubectl: str) -> dict[str, str]:
    """What to ask the control plane's node: shell lines, by name."""
    return {
        BOOTED: "sed -n 's/^btime //p' /proc/stat",
        STATE: f"{kubectl} get nodes,pods --all-namespaces -o json",
    }


def lacks(answers: dict[str, str], *, nodes: int) -> str:
    """
    Say what the cluster still lacks; nothing if it is up.

    A prepared cluster remembers what it was before the node started: what is older than the
    boot is not true any more.
    """
    booted, text = answers[BOOTED].strip(), answers[STATE]
    try:
        items: list[dict[str, Any]] = json.loads(text)["items"]
    except (ValueError, KeyError):
        return f"the API does not answer: {_last_line(text)}"
    since = float(booted)
    ready = [item for item in items if item["kind"] == "Node" and _is_ready_node(item, since)]
    if len(ready) < nodes:
        return f"{len(ready)} of {nodes} nodes are Ready"
    pods = [item for item in items if item["kind"] == "Pod" and _is_clusters(item)]
    waiting = sorted(lack for pod in pods for lack in _lacks(pod, since))
    return f"not Ready: {', '.join(waiting)}" if waiting else ""


def _is_ready_node(node: dict[str, Any], since: float) -> bool:
    for condition in node.get("status", {}).get("conditions", []):
        if condition["type"] == "Ready":
            return condition["status"] == "True" and _seconds(condition, "lastHeartbeatTime") >= (
                since
            )
    return False


def _is_clusters(pod: dict[str, Any]) -> bool:
    is_lab = pod["metadata"]["namespace"] == NAMESPACE
    return not is_lab and pod.get("status", {}).get("phase") != "Succeeded"


def _lacks(pod: dict[str, Any], since: float) -> Iterator[str]:
    containers = pod.get("status", {}).get("containerStatuses", [])
    if not containers:
        yield pod["metadata"]["name"]
    for container in containers:
        running = container.get("state", {}).get("running", {})
        if not container["ready"] or _seconds(running, "startedAt") < since:
            yield pod["metadata"]["name"]


def _seconds(table: dict[str, Any], key: str) -> float:
    return datetime.fromisoformat(table[key]).timestamp() if table.get(key) else 0.0


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]
