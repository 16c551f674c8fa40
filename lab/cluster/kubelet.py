"""The kubelet on a node: its unit for systemd, and its configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.cluster.documents import Document

BINARY = "/usr/bin/kubelet"
UNIT_PATH = "/etc/systemd/system/kubelet.service"
DROP_IN_PATH = "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf"

UNIT = f"""\
[Unit]
Description=kubelet: The Kubernetes Node Agent
Documentation=https://kubernetes.io/docs/
Wants=containerd.service
After=containerd.service

[Service]
ExecStart={BINARY}
Restart=always
StartLimitInterval=0
RestartSec=10

[Install]
WantedBy=multi-user.target
"""
"""Source: kubernetes/release, templates/latest/kubelet. That one waits for a network that is
up to the outside, which no node of the lab has."""

DROP_IN = f"""\
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \
--kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart=
ExecStart={BINARY} $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS
"""
"""Source: kubernetes/release, templates/latest/kubeadm. kubeadm writes the two files named."""


def configuration() -> Document:
    """
    The KubeletConfiguration that kubeadm hands to every node.

    Patient, since a node may be emulated, and quiet, since it is measured on: nothing is
    collected, evicted or looked at that a bench of some hours does not need.
    """
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "cgroupDriver": "systemd",
        "runtimeRequestTimeout": "15m",
        "nodeStatusUpdateFrequency": "30s",
        "nodeLeaseDurationSeconds": 240,
        # 100 switches it off: an image that is gone cannot be had again without a network.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": "50Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
            "nodefs.inodesFree": "1%",
        },
        # Off: it walks the disks that fio measures.
        "volumeStatsAggPeriod": "-1s",
        # None: there is no name server, and the node need not have such a file.
        "resolvConf": "",
    }
