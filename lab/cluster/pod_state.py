"""What the API says of one pod of the lab: whether it is Ready, and if not, why."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from lab.cluster.kube_node import KUBECTL
from lab.cluster.objects import NAMESPACE

KUBECTL_LAB = f"{KUBECTL} --namespace {NAMESPACE}"
QUESTION = f"{KUBECTL_LAB} get pods,events -o json"
FAILURES = frozenset({"FailedCreatePodSandBox", "Failed", "FailedMount", "BackOff"})
"""Reasons of events after which the kubelet would only try the same again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodState:
    """One pod, at one moment."""

    is_ready: bool
    restarts: int
    failure: str = ""
    """The event that tells that it will not come up by itself; empty if there is none."""
    waiting: str = ""
    runtime_class: str = ""


def read(answer: str, *, name: str) -> PodState:
    """Read the answer to :data:`QUESTION` about the pod called *name*."""
    items = _items(answer)
    pods = [one for one in items if one["kind"] == "Pod" and one["metadata"]["name"] == name]
    if not pods:
        last = (answer.strip().splitlines() or ["nothing"])[-1]
        return PodState(is_ready=False, restarts=0, waiting=f"no such pod: {last[:200]}")
    pod = pods[0]
    status = pod.get("status", {})
    containers = status.get("containerStatuses", [])
    conditions = {one["type"]: one["status"] for one in status.get("conditions", [])}
    uid = pod["metadata"]["uid"]
    failures = [_told(one) for one in items if one["kind"] == "Event" and _is_failure(one, uid)]
    return PodState(
        is_ready=conditions.get("Ready") == "True",
        restarts=sum(one.get("restartCount", 0) for one in containers),
        failure=failures[-1] if failures else "",
        waiting=status.get("phase", "unknown"),
        runtime_class=pod["spec"].get("runtimeClassName", "none"),
    )


def events_question(name: str) -> str:
    """The shell line that lists the events of the pod called *name*."""
    return f"{KUBECTL_LAB} get events --field-selector involvedObject.name={name}"


def _items(answer: str) -> list[dict[str, Any]]:
    try:
        listed = json.loads(answer)["items"]
    except (ValueError, KeyError, TypeError):
        return []
    return listed if isinstance(listed, list) else []


def _is_failure(event: dict[str, Any], uid: str) -> bool:
    return event["involvedObject"].get("uid") == uid and event.get("reason") in FAILURES


def _told(event: dict[str, Any]) -> str:
    return f"{event['reason']}: {event.get('message', '')}"
