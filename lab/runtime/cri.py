"""A pod of one container, asked for through the CRI by crictl: the documents and shell lines."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.cluster.cri_node import CTR, PODS, announcement
from lab.decode import DecodeError, json_as
from lab.errors import SandboxError
from lab.network.pod import SANDBOXES
from lab.runtime.setting import REMEDY

if TYPE_CHECKING:
    from ipaddress import IPv4Interface

    from lab.cluster.handler import Handler
    from lab.errors import CommandError

NAMESPACE = "lab"
CONTAINER = "workload"
CGROUP_PARENT = "/kata-lab"
EMPTY_DIR = "kubernetes.io~empty-dir"
"""A tmpfs in a folder of this name is a tmpfs in the guest too, not a share (mount.go, k8s.rs)."""
END = (
    "timeout 60 crictl rmp -f $pod >/dev/null"
    " || { pkill -9 -f $pod; crictl rmp -f $pod || crictl rmp -f $pod; } >/dev/null"
)
"""Takes a pod away; one that does not answer by force. The first try then only notices its end."""

_TOLD = re.compile(r'level=(?:error|fatal) msg=(?P<words>"(?:[^"\\]|\\.)*")')
"""The last line of crictl; its string is one of Go's, which JSON mostly reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked of containerd for one sandbox."""

    name: str
    handler: Handler
    image: str
    address: IPv4Interface
    attempt: int = 0
    """Counted up with each restart: the CRI has one pod of a name, namespace and attempt."""

    @property
    def folder(self) -> str:
        """The sandbox's own folder on the node."""
        return f"{SANDBOXES}/{self.name}"

    @property
    def stdin(self) -> str:
        """An input without an end, for ctr."""
        return f"{self.folder}/stdin"

    @property
    def kept(self) -> str:
        """The snapshot that a restart leaves to the next attempt."""
        return f"{self.name}-kept-{self.attempt}"

    @property
    def snapshots(self) -> str:
        """The command about the snapshots of the handler's kind."""
        return f"{CTR} snapshots --snapshotter {self.handler.snapshotter}"


def pod_document(request: Request) -> str:
    """The configuration of the pod, in the CRI's JSON (runtime.v1.PodSandboxConfig)."""
    return json.dumps(
        {
            "metadata": {
                "name": request.name,
                "namespace": NAMESPACE,
                "uid": request.name,
                "attempt": request.attempt,
            },
            "hostname": request.name,
            "log_directory": request.folder,
            # Nothing here looks a name up. Without a word of its own, a pod gets a copy of the
            # node's resolv.conf, and there is none.
            "dns_config": {"options": ["ndots:1"]},
            "linux": {"cgroup_parent": CGROUP_PARENT},
        },
        indent=1,
    )


def container_document(request: Request) -> str:
    """The configuration of the container (runtime.v1.ContainerConfig): it waits to be told."""
    tmp = {"container_path": "/tmp", "host_path": _tmp(request)}  # noqa: S108 - the container's
    return json.dumps(
        {
            "metadata": {"name": CONTAINER, "attempt": request.attempt},
            "image": {"image": request.image},
            "command": ["sleep", "infinity"],
            "log_path": f"{CONTAINER}.log",
            "mounts": [tmp],
        },
        indent=1,
    )


def start_lines(request: Request, *, root: str | None = None) -> tuple[str, ...]:
    """
    The shell lines that start the pod and leave its ids in $pod and $container.

    With *root*, the name of a snapshot, the container's own snapshot begins as that one. What
    containerd knows of the container is only the name of its snapshot.
    """
    folder = request.folder
    swap = (
        ()
        if root is None
        else (
            f"{request.snapshots} rm $container",
            f"{request.snapshots} prepare $container {root}",
        )
    )
    return (
        f"mkdir -p {_tmp(request)}",
        f"mkfifo {request.stdin}",
        # As every other runtime of the lab has it.
        f"mount -t tmpfs -o mode=1777 tmp {_tmp(request)}",
        f"echo '{announcement(str(request.address))}' >{PODS}/{request.name}",
        f"cat >{folder}/pod.json <<'POD'\n{pod_document(request)}\nPOD",
        f"cat >{folder}/container.json <<'CONTAINER'\n{container_document(request)}\nCONTAINER",
        f"pod=$(crictl runp --runtime {request.handler.name} {folder}/pod.json)",
        f"container=$(crictl create $pod {folder}/container.json {folder}/pod.json)",
        *swap,
        "crictl start $container >/dev/null",
    )


def keep_lines(request: Request, *, container: str) -> tuple[str, ...]:
    """The shell lines that stop the pods of the name and keep the container's root."""
    return (
        *_each_pod(request, "crictl stopp $pod >/dev/null"),
        f"{request.snapshots} commit {request.kept} {container}",
    )


def end_lines(request: Request) -> tuple[str, ...]:
    """The shell lines that end and remove whatever there is of the pod; each may fail."""
    return (
        *_each_pod(request, END),
        f"umount {_tmp(request)}",
        f"rm -rf --one-file-system {request.folder} {PODS}/{request.name}*",
    )


def forget_lines(request: Request) -> tuple[str, ...]:
    """The shell lines that remove what restarts have kept, the newest first."""
    kept = (f"{request.name}-kept-{attempt}" for attempt in reversed(range(request.attempt)))
    return tuple(f"{request.snapshots} rm {name}" for name in kept)


def refused(error: CommandError) -> SandboxError:
    """What crictl was told instead of what it asked for, without when and by whom."""
    told = list(_TOLD.finditer(error.completed.stderr))
    words = _unquoted(told[-1]["words"]) if told else error.problem
    refusal = SandboxError(f"it was refused: {words}", remedy=REMEDY)
    for note in () if told else getattr(error, "__notes__", ()):
        refusal.add_note(note)
    return refusal


def _unquoted(words: str) -> str:
    """A string of Go's; one that is not JSON's as well is left as it is."""
    try:
        return json_as(words, str)
    except DecodeError:
        return words


def _each_pod(request: Request, line: str) -> tuple[str, ...]:
    """Do *line* for each pod of the name: one whose start failed has left no id to the lab."""
    return (f"for pod in $(crictl pods -q --name '^{request.name}$'); do {line}; done",)


def _tmp(request: Request) -> str:
    return f"{request.folder}/{EMPTY_DIR}/tmp"  # noqa: S108 - not this machine's
