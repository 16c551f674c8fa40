"""
kubeadm's configuration (v1beta4): a control plane, and the workers that join it.

With the figures of a slow machine: a control plane under emulation is well, and late. One
control plane on one node, so nothing is elected; its etcd runs as kubeadm's static pod.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.cluster import kubelet
from lab.cluster.documents import for_people
from lab.errors import ClusterError

if TYPE_CHECKING:
    from lab.cluster.documents import Document

API = "kubeadm.k8s.io/v1beta4"
API_PORT = 6443
CRI_SOCKET = "unix:///run/containerd/containerd.sock"
PATCHES = "/etc/kubernetes/patches"
POD_SUBNET = "10.244.0.0/16"
"""Not Calico's own 192.168.0.0/16, in which libvirt's default network lies."""
SERVICE_SUBNET = "10.96.0.0/12"
LATER = ("controller-manager", "scheduler")
"""What of a control plane asks its API: kubeadm's names for their phases."""
SKIPPED = (
    # Nothing here looks a name up.
    "addon/coredns",
    # Not left out, but started once the API answers (kube_node.INIT_LATER).
    *(f"control-plane/{name}" for name in LATER),
    # Those would be waited for. What comes next waits for the API (kubeadm, kubeconfig.go).
    "wait-control-plane",
)
"""Phases of ``kubeadm init`` that are not its own here."""
TIMEOUTS = {
    "controlPlaneComponentHealthCheck": "30m",
    "kubeletHealthCheck": "15m",
    "kubernetesAPICall": "10m",
    "etcdAPICall": "10m",
    "tlsBootstrap": "20m",
    "discovery": "20m",
}
"""kubeadm's own: 4, 4, 1, 2, 5 and 5 minutes."""
ETCD = {
    # A bench's cluster is not worth a sync; each one would wait for the disk that is measured.
    "unsafe-no-fsync": "true",
    "heartbeat-interval": "1000",
    "election-timeout": "10000",
}
API_SERVER = {
    "etcd-healthcheck-timeout": "20s",
    "etcd-readycheck-timeout": "20s",
    "request-timeout": "3m",
    "default-not-ready-toleration-seconds": "3600",
    "default-unreachable-toleration-seconds": "3600",
}
CONTROLLER_MANAGER = {"leader-elect": "false", "node-monitor-grace-period": "5m"}
SCHEDULER = {"leader-elect": "false"}
PROBES = {
    "etcd": ("startupProbe", "livenessProbe"),
    "kube-apiserver": ("startupProbe", "livenessProbe", "readinessProbe"),
    "kube-controller-manager": ("startupProbe", "livenessProbe"),
    "kube-scheduler": ("startupProbe", "livenessProbe"),
}
"""By static pod: probes that every kubeadm gives it. A patch of one that is not there is none
that Kubernetes accepts."""
PERIODS_S = {"startupProbe": 5, "livenessProbe": 30, "readinessProbe": 10}
"""kubeadm's own: 10, 10 and 1. Until the first has succeeded a component is not Ready."""
PROBE_TIMEOUT_S = 60
"""kubeadm's own: 15. A busy emulated processor has not answered by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A node of a cluster: its name, and its address on the data network."""

    name: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSpec:
    """What all nodes of a cluster agree on."""

    version: str
    """Of Kubernetes, as in ``v1.36.2``. Named, since kubeadm would ask the internet."""
    control_plane: Member
    is_single: bool
    """Whether the control plane's node is the only one, and so runs the sandboxes too."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """By what a worker joins: kubeadm makes it with the control plane, and it lasts no longer."""

    token: str
    """Six characters, a dot, sixteen more."""
    ca_hash: str
    """``sha256:`` and the digest of the public key of the cluster's CA."""

    @classmethod
    def read(cls, said: str) -> Invitation:
        """
        Read what kubeadm *said* last: the command by which a worker may join.

        Raises:
            ClusterError: if there is none in it.
        """
        token, ca_hash = _TOKEN.search(said), _CA_HASH.search(said)
        if token is None or ca_hash is None:
            raise ClusterError(
                "kubeadm says no command by which a worker could join",
                remedy="read its log on the control plane's node, and lab/cluster/kubeadm.py",
            )
        return cls(token[1], ca_hash[0])


_TOKEN = re.compile(r"--token ([a-z0-9]{6}\.[a-z0-9]{16})\b")
_CA_HASH = re.compile(r"sha256:[0-9a-f]{64}\b")


def init_configuration(spec: ClusterSpec) -> str:
    """The text of ``kubeadm init --config``."""
    return for_people((_init(spec), _cluster(spec), kubelet.configuration(), _kube_proxy()))


def join_configuration(spec: ClusterSpec, member: Member, invitation: Invitation) -> str:
    """The text of ``kubeadm join --config`` on *member*."""
    return for_people(
        [
            {
                "apiVersion": API,
                "kind": "JoinConfiguration",
                "discovery": {
                    "bootstrapToken": {
                        "apiServerEndpoint": f"{spec.control_plane.address}:{API_PORT}",
                        "token": invitation.token,
                        "caCertHashes": [invitation.ca_hash],
                    }
                },
                "nodeRegistration": _registration(member),
                "timeouts": dict(TIMEOUTS),
            }
        ]
    )


def patches() -> dict[str, str]:
    """What kubeadm changes in the static pods: the files of :data:`PATCHES`, by name."""
    return {
        f"{name}+strategic.yaml": for_people([_patch(name, probes)])
        for name, probes in PROBES.items()
    }


def _init(spec: ClusterSpec) -> Document:
    own = spec.control_plane
    # An empty list takes away the taint that keeps pods off a control plane.
    taints: Document = {"taints": []} if spec.is_single else {}
    return {
        "apiVersion": API,
        "kind": "InitConfiguration",
        "localAPIEndpoint": {"advertiseAddress": own.address, "bindPort": API_PORT},
        "nodeRegistration": {**_registration(own), **taints},
        "patches": {"directory": PATCHES},
        "timeouts": dict(TIMEOUTS),
    }


def _cluster(spec: ClusterSpec) -> Document:
    return {
        "apiVersion": API,
        "kind": "ClusterConfiguration",
        "kubernetesVersion": spec.version,
        "encryptionAlgorithm": "ECDSA-P256",
        "networking": {"podSubnet": POD_SUBNET, "serviceSubnet": SERVICE_SUBNET},
        "etcd": {"local": {"extraArgs": _arguments(ETCD)}},
        "apiServer": {"extraArgs": _arguments(API_SERVER)},
        "controllerManager": {"extraArgs": _arguments(CONTROLLER_MANAGER)},
        "scheduler": {"extraArgs": _arguments(SCHEDULER)},
    }


def _kube_proxy() -> Document:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        # Not nftables: Calico's nft has crashed on Debian 13 (calico #11750, #13987).
        "mode": "iptables",
        "conntrack": {"maxPerCore": 0},
    }


def _registration(member: Member) -> Document:
    return {
        "name": member.name,
        "criSocket": CRI_SOCKET,
        # Images are imported before; there is nowhere to pull them from.
        "imagePullPolicy": "Never",
        "kubeletExtraArgs": _arguments({"node-ip": member.address}),
    }


def _arguments(values: dict[str, str]) -> list[Document]:
    return [{"name": name, "value": value} for name, value in values.items()]


def _patch(name: str, probes: tuple[str, ...]) -> Document:
    changes = {
        probe: {"periodSeconds": PERIODS_S[probe], "timeoutSeconds": PROBE_TIMEOUT_S}
        for probe in probes
    }
    container = {"name": name, **changes}
    return {"spec": {"containers": [container]}}
