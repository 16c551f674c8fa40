"""What proves that a pod is runc's: read from node and container, as of the lab's own runc."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.cluster import cri_pod
from lab.network.model import ADDRESSES, LINKS, Namespace, fact
from lab.network.pod import INTERFACE
from lab.outcome import Fact
from lab.runtime import path
from lab.runtime.runc import SNAPSHOTTERS
from lab.runtime.setting import pss_script
from lab.storage.backend import MOUNTS, root_fact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.cluster.handler import Handler
    from lab.network.pod import Pod

INSPECTED = "crictl inspectp"
PROCESSES = path.POD_PROCESSES
INSIDE = {MOUNTS: MOUNTS}
"""What to ask inside the container: shell lines, by name."""


def on_node(pod: Pod, pod_id: str) -> dict[str, str]:
    """What to ask the node about a *pod*: shell lines, by name."""
    inside = f"ip netns exec {pod.namespace}"
    return {
        LINKS: f"{inside} {LINKS}",
        ADDRESSES: f"{inside} {ADDRESSES}",
        "tc -j qdisc": f"{inside} tc -j qdisc",
        INSPECTED: f"crictl inspectp -o json {pod_id}",
        PROCESSES: (
            f"for pid in $(pgrep -P $(pgrep -o -f -- '-id {pod_id} '));"
            " do cat /proc/$pid/cgroup; done"
        ),
        **path.questions(pod),
    }


def facts(
    handler: Handler, pod: Pod, container: str, answers: Mapping[str, str]
) -> tuple[Fact, ...]:
    """What the *answers* of node and container prove or refute."""
    namespace = Namespace(pod, answers)
    _, source, fstype = SNAPSHOTTERS[handler.cell.storage]
    groups = answers[PROCESSES].split()
    return (
        fact(
            "handler of the pod",
            INSPECTED,
            handler.name,
            cri_pod.inspected(answers[INSPECTED]).handler or "no pod",
        ),
        namespace.mac(INTERFACE, is_pods=True),
        namespace.mtu(INTERFACE),
        namespace.address(INTERFACE, is_kept=True),
        root_fact(answers, source=source, fstype=fstype),
        Fact(
            subject="process of the container",
            source="/proc/PID/cgroup",
            expected=f"in the cgroup of {container}",
            observed=", ".join(groups) or "no process",
            holds=any(container in group for group in groups),
        ),
    )


def memory(pod_id: str) -> str:
    """The shell script that adds up what the pod's processes and its shim take, in KiB."""
    return pss_script(f"$(pgrep -f -- '-id {pod_id} ')")
