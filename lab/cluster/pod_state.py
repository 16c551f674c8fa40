"""What the API says of one pod of the lab: whether it is Ready, and if not, why."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from lab.cluster.kube_node import KUBECTL
from lab.cluster.objects import NAMESPACE
from lab.decode import DecodeError, json_as, quoted

KUBECTL_LAB = f"{KUBECTL} --namespace {NAMESPACE}"
"""kubectl on the control plane's node, for a person and for what is kept of a failure."""
QUESTION = ("get", "pods,events", "-o", "json")
"""What to ask kubectl of pods."""
FAILURES = frozenset({"FailedCreatePodSandBox", "Failed", "FailedMount", "BackOff", "OutOfcpu"})
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


class _Named(msgspec.Struct):
    name: str = ""
    uid: str = ""


class _Condition(msgspec.Struct):
    type: str
    status: str


class _Container(msgspec.Struct):
    restarts: int = msgspec.field(name="restartCount", default=0)


class _Status(msgspec.Struct):
    phase: str = "unknown"
    conditions: list[_Condition] = []
    containers: list[_Container] = msgspec.field(name="containerStatuses", default_factory=list)


class _Spec(msgspec.Struct):
    runtime_class: str = msgspec.field(name="runtimeClassName", default="none")


class _Item(msgspec.Struct):
    """A pod, or an event about one."""

    kind: str
    metadata: _Named
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)
    about: _Named = msgspec.field(name="involvedObject", default_factory=_Named)
    reason: str = ""
    message: str = ""


class _List(msgspec.Struct):
    items: list[_Item]


def read(answer: str, *, name: str) -> PodState:
    """Read the answer to :data:`QUESTION` about the pod called *name*."""
    items = _items(answer)
    pods = [one for one in items if one.kind == "Pod" and one.metadata.name == name]
    if not pods:
        last = quoted("\n".join(answer.strip().splitlines()[-1:]) or "nothing")
        return PodState(is_ready=False, restarts=0, waiting=f"no such pod: {last}")
    pod = pods[0]
    conditions = {condition.type: condition.status for condition in pod.status.conditions}
    failures = [
        f"{one.reason}: {one.message}"
        for one in items
        if one.kind == "Event" and one.about.uid == pod.metadata.uid and one.reason in FAILURES
    ]
    return PodState(
        is_ready=conditions.get("Ready") == "True",
        restarts=sum(container.restarts for container in pod.status.containers),
        failure=failures[-1] if failures else "",
        waiting=pod.status.phase,
        runtime_class=pod.spec.runtime_class,
    )


def events_question(name: str) -> tuple[str, ...]:
    """What to ask kubectl for the events of the pod called *name*."""
    return ("get", "events", "--field-selector", f"involvedObject.name={name}")


def _items(answer: str) -> list[_Item]:
    try:
        return json_as(answer, _List).items
    except DecodeError:
        return []
