"""Whether a cluster is up: what its API says of nodes and pods, and which of that is from today."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec

from lab.cluster.objects import NAMESPACE
from lab.decode import DecodeError, json_as, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

ON_EACH_NODE = ("kube-proxy", "calico-node")
"""The components of which every node has a pod."""
BOOTED = "sed -n 's/^btime //p' /proc/stat"
"""The shell line that says when a node has started, in seconds since 1970 by its own clock."""
QUESTION = ("get", "nodes,pods", "--all-namespaces", "-o", "json")
"""What to ask kubectl."""


Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class _Metadata(msgspec.Struct):
    name: str
    namespace: str = ""


class _Condition(msgspec.Struct):
    type: str
    status: str
    heard: Moment | None = msgspec.field(name="lastHeartbeatTime", default=None)


class _Running(msgspec.Struct):
    started: Moment | None = msgspec.field(name="startedAt", default=None)


class _State(msgspec.Struct):
    running: _Running = msgspec.field(default_factory=_Running)


class _Container(msgspec.Struct):
    ready: bool
    state: _State = msgspec.field(default_factory=_State)


class _Status(msgspec.Struct):
    phase: str = ""
    conditions: list[_Condition] = []
    containers: list[_Container] = msgspec.field(name="containerStatuses", default_factory=list)


class _Item(msgspec.Struct):
    """A node, or a pod."""

    kind: str
    metadata: _Metadata
    status: _Status = msgspec.field(default_factory=_Status)


class _List(msgspec.Struct):
    items: list[_Item]


def lacks(answer: str, *, booted: str, nodes: int, components: Iterable[str]) -> str:
    """
    Say what the cluster still lacks by the *answer* to :data:`QUESTION`; nothing if it is up.

    A prepared cluster remembers what it was before the node started: what is older than when it
    *booted* is not true any more. A new one has yet to make the pods of some *components*.
    """
    try:
        since = float(booted)
        items = json_as(answer, _List).items
    except DecodeError:
        return f"the API does not answer: {_last_line(answer)}"
    except ValueError:
        return f"the node does not say when it has started: {_last_line(booted)}"
    ready = [item for item in items if item.kind == "Node" and _is_ready_node(item, since)]
    if len(ready) < nodes:
        return f"{len(ready)} of {nodes} nodes are Ready"
    pods = [item for item in items if item.kind == "Pod" and _is_clusters(item)]
    names = [pod.metadata.name for pod in pods]
    missing = [
        one
        for one in components
        if sum(name.startswith(one) for name in names) < (nodes if one in ON_EACH_NODE else 1)
    ]
    waiting = [*missing, *sorted({pod.metadata.name for pod in pods if _lacks(pod, since)})]
    return f"not Ready: {', '.join(waiting)}" if waiting else ""


def _is_ready_node(node: _Item, since: float) -> bool:
    for condition in node.status.conditions:
        if condition.type == "Ready":
            return _seconds(condition.heard) >= since and condition.status == "True"
    return False


def _is_clusters(pod: _Item) -> bool:
    return pod.metadata.namespace != NAMESPACE and pod.status.phase != "Succeeded"


def _lacks(pod: _Item, since: float) -> bool:
    """Whether some container of *pod* is not ready, or was so before the node started."""
    containers = pod.status.containers
    return not containers or any(
        not one.ready or _seconds(one.state.running.started) < since for one in containers
    )


def _seconds(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0.0


def _last_line(text: str) -> str:
    return quoted((text.strip().splitlines() or ["it said nothing"])[-1])
