"""The lab's own objects in Kubernetes: its namespace, its RuntimeClasses, its pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.posix import SHARED

if TYPE_CHECKING:
    from lab.cluster.documents import Document
    from lab.cluster.handler import Handler

NAMESPACE = "lab"
CONTAINER = "workload"
SECOND = "second"
"""The other container of a pair."""
HANDLER_LABEL = "kata-lab/handler"
SANDBOX_LABEL = "kata-lab/sandbox"
CPU_REQUEST = "250m"
"""
As much as kube-apiserver asks for. A pod that asks for nothing has a weight of 1 against the 28 of
a control plane on its node (cgroup v2, cpu.weight), and what is in its cgroup stands still while
that has something to do: runc's programs and all of runtime-rs, not the QEMU of Kata's Go runtime,
whose cgroup lies elsewhere. Four fit on the two processors of a node with a control plane.
"""
CONTROL_PLANE_TAINT = "node-role.kubernetes.io/control-plane"
"""kubeadm's."""


def namespace() -> Document:
    """The namespace that holds every pod of the lab."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


def runtime_class(handler: Handler) -> Document:
    """
    The RuntimeClass by which a pod asks for *handler*.

    Without an overhead: the scheduler has nothing to decide, since each pod names its node.
    """
    return {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": handler.name},
        "handler": handler.name,
    }


def pod(handler: Handler, *, name: str, node: str, image: str) -> Document:
    """The pod of a sandbox: one container of *image* on *node*, which waits to be told."""
    return _pod(handler, name=name, node=node, containers=(_container(CONTAINER, image),))


def tolerant(handler: Handler, *, name: str, node: str, image: str) -> Document:
    """The same where a control plane is, which keeps other pods off its node."""
    made = pod(handler, name=name, node=node, image=image)
    made["spec"]["tolerations"] = [
        {"key": CONTROL_PLANE_TAINT, "operator": "Exists", "effect": "NoSchedule"}
    ]
    return made


def pair(handler: Handler, *, name: str, node: str, image: str) -> Document:
    """The same with two containers, of one image."""
    containers = (_container(CONTAINER, image), _container(SECOND, image))
    return _pod(handler, name=name, node=node, containers=containers)


def mortal(handler: Handler, *, name: str, node: str, image: str) -> Document:
    """The pod of a sandbox that nobody starts again when it has come to its end."""
    document = pod(handler, name=name, node=node, image=image)
    document["spec"]["restartPolicy"] = "Never"
    return document


def sharing(handler: Handler, *, name: str, node: str, image: str) -> Document:
    """The pod of a sandbox that has the folder :data:`lab.posix.SHARED` of its node."""
    container = _container(CONTAINER, image)
    container["volumeMounts"].append({"name": "shared", "mountPath": SHARED})
    document = _pod(handler, name=name, node=node, containers=(container,))
    folder = {"path": SHARED, "type": "DirectoryOrCreate"}
    document["spec"]["volumes"].append({"name": "shared", "hostPath": folder})
    return document


def service(*, name: str, sandbox: str, port: int) -> Document:
    """A service before the pod of one *sandbox*, for TCP."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "selector": {SANDBOX_LABEL: sandbox},
            "ports": [{"protocol": "TCP", "port": port, "targetPort": port}],
        },
    }


def _pod(handler: Handler, *, name: str, node: str, containers: tuple[Document, ...]) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": {HANDLER_LABEL: handler.name, SANDBOX_LABEL: name},
        },
        "spec": {
            "runtimeClassName": handler.name,
            "nodeName": node,
            "terminationGracePeriodSeconds": 0,
            # What no scenario asks for, and what would be a share more in the guest.
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "dnsPolicy": "Default",
            "containers": list(containers),
            # As the other runtimes have it: iperf3 cannot work on a /tmp on 9p (#9700).
            "volumes": [{"name": "tmp", "emptyDir": {"medium": "Memory"}}],
        },
    }


def _container(name: str, image: str) -> Document:
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "Never",
        "command": ["sleep", "infinity"],
        "resources": {"requests": {"cpu": CPU_REQUEST}},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
    }
