"""
A node of Kubernetes: the scripts that lay it out once, and those that start it each time.

It is laid out as a node for the CRI is, and gets the kubelet, the cluster's images and what
kubeadm and kubectl are told beside that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.cluster import artefact_disk, calico, cri_node, documents, kubeadm, kubelet, objects
from lab.cluster.kubeadm import ClusterSpec, Invitation, Member
from lab.node import NODE_ADDRESS
from lab.storage.backend import Snapshotter
from lab.topology import Role

if TYPE_CHECKING:
    from lab.cluster.kit import Kit
    from lab.cluster.parts import ClusterParts
    from lab.image.build import WorkloadImage
    from lab.topology import NodeSpec, Topology

FOLDER = "/etc/kubernetes/lab"
"""Where a node has what the lab tells kubeadm and kubectl."""
MANIFESTS = "/etc/kubernetes/manifests"
"""Whose pods the kubelet runs by itself."""
ADMIN = "/etc/kubernetes/admin.conf"
KUBECTL = f"kubectl --kubeconfig {ADMIN}"
CREATE = ("create", "--validate=false")
"""Not apply, and without kubectl's own validation: for either the API first puts its whole
description together, which takes it long on an emulated node. It validates all the same."""
INIT_LOG = "/var/log/kubeadm-init.log"
JOIN_LOG = "/var/log/kubeadm-join.log"
PINNED = "io.cri-containerd.pinned=pinned"
"""A label that keeps the kubelet from deleting an image that could not be had again."""

ORDERS = f"--config {FOLDER}/init.yaml"
INIT = f"""\
kubeadm init {ORDERS} --skip-phases={",".join(kubeadm.SKIPPED)} \
--ignore-preflight-errors=SystemVerification >{INIT_LOG} 2>&1
"""
"""The preflight check that is left out wants the kernel's configuration in /boot."""
INIT_LATER = "".join(
    f"kubeadm init phase control-plane {name} {ORDERS} >/dev/null\n" for name in kubeadm.LATER
)
"""
What needs the API, once that is well.

The controller manager gives it 10 s and then ends, to be started again and again while the API
itself lacks the processor on a node that is emulated.
"""
JOIN = f"""\
kubeadm join --config {FOLDER}/join.yaml \
--ignore-preflight-errors=SystemVerification >{JOIN_LOG} 2>&1
"""
APPLY = f"""\
{KUBECTL} {" ".join(CREATE)} -f {FOLDER}/objects.json >/dev/null
[ ! -e {FOLDER}/calico.json ] || {KUBECTL} {" ".join(CREATE)} -f {FOLDER}/calico.json >/dev/null
"""
START = "systemctl start kubelet\n"
"""Not by systemd at boot: containerd's disk is made of parts first."""
START_LATER = f"mv {FOLDER}/later/* {MANIFESTS}/\n"
"""The same of a cluster that was made before."""
CLOSE_WORKER = f"rm -f {FOLDER}/join.yaml {JOIN_LOG}\n"
CLOSE = f"""\
{KUBECTL} --namespace kube-system delete secrets --wait=false \
--field-selector type=bootstrap.kubernetes.io/token >/dev/null
rm -f {INIT_LOG}
"""
"""Takes back what let workers join, once they have: a prepared cluster lets nobody else in."""
END_WORKER = """\
systemctl stop kubelet
crictl rmp -af >/dev/null 2>&1 || true
"""
"""Ends all pods, so that none is found half alive at the next start."""
END = f"""\
{END_WORKER}mkdir -p {FOLDER}/later
mv {" ".join(f"{MANIFESTS}/kube-{name}.yaml" for name in kubeadm.LATER)} {FOLDER}/later/
"""
"""The same where the control plane is; last, since the plugin of the pods' network asks it."""
INVITATION = f"tail -n 5 {INIT_LOG}\n"
"""kubeadm ends with the command by which workers may join; :class:`Invitation` reads it."""


def member(node: NodeSpec) -> Member:
    """What the cluster knows *node* by."""
    return Member(name=node.name, address=node.address or NODE_ADDRESS)


def cluster_spec(topology: Topology, parts: ClusterParts) -> ClusterSpec:
    """What kubeadm is to make."""
    return ClusterSpec(
        version=parts.version,
        control_plane=member(topology.control_plane),
        is_single=len(topology.nodes) == 1,
    )


def making(topology: Topology, parts: ClusterParts) -> str:
    """All that makes a cluster of nodes that are laid out, but for what lets workers join."""
    nobody = Invitation("", "")
    joins = (join_script(topology, parts, worker, nobody) for worker in topology.workers)
    return INIT + APPLY + INIT_LATER + "".join(joins) + CLOSE + END


def join_script(
    topology: Topology, parts: ClusterParts, worker: NodeSpec, invitation: Invitation
) -> str:
    """What makes a node of *worker*, which is laid out, a node of the cluster."""
    spec = cluster_spec(topology, parts)
    order = kubeadm.join_configuration(spec, member(worker), invitation)
    return _write(f"{FOLDER}/join.yaml", order) + JOIN


def layout_script(kit: Kit, topology: Topology, node: NodeSpec) -> str:
    """What a *node* gets once: all of a node for the CRI, kubelet, and kubeadm's orders."""
    parts = parts_of(kit)
    programs = {one.name: artefact_disk.path_of(one) for one in parts.programs}
    files = {kubelet.UNIT_PATH: kubelet.UNIT, kubelet.DROP_IN_PATH: kubelet.DROP_IN}
    if node.role is not Role.WORKER:
        files |= _orders(kit, topology)
    return (
        cri_node.layout_script(kit, topology.sandbox)
        + f"ln -s {programs['kubelet']} {kubelet.BINARY}\n"
        + f"ln -s {programs['kubeadm']} {programs['kubectl']} /usr/local/bin/\n"
        + "".join(_write(path, text) for path, text in files.items())
        + "systemctl daemon-reload\n"
    )


def import_script(kit: Kit, workload: WorkloadImage, node: NodeSpec) -> str:
    """Import what pods are made of for each snapshotter, and the cluster's own for one."""
    parts = parts_of(kit)
    images = parts.images_of_workers if node.role is Role.WORKER else parts.images
    own = "".join(
        cri_node.import_line(artefact_disk.path_of(image), Snapshotter.OVERLAYFS)
        for image in images
    )
    names = [workload.reference, kit.pause.name, *(image.name for image in images)]
    pins = "".join(f"{cri_node.CTR} images label {name} {PINNED} >/dev/null\n" for name in names)
    return cri_node.import_script(kit) + own + pins


def parts_of(kit: Kit) -> ClusterParts:
    """The parts of the cluster that *kit* is for."""
    if kit.cluster is None:
        raise ValueError("the kit is not for a cluster")
    return kit.cluster


def _orders(kit: Kit, topology: Topology) -> dict[str, str]:
    """What kubeadm and kubectl are told where the control plane is, by path."""
    parts = parts_of(kit)
    files = {
        f"{FOLDER}/init.yaml": kubeadm.init_configuration(cluster_spec(topology, parts)),
        f"{FOLDER}/objects.json": documents.for_kubectl(
            [objects.namespace(), *map(objects.runtime_class, kit.handlers)]
        ),
        **{f"{kubeadm.PATCHES}/{name}": text for name, text in kubeadm.patches().items()},
    }
    if parts.has_calico:
        where = calico.endpoint(member(topology.control_plane).address, kubeadm.API_PORT)
        files[f"{FOLDER}/calico.json"] = documents.for_kubectl([where, *parts.calico])
    return files


def _write(path: str, text: str) -> str:
    folder = path.rpartition("/")[0]
    return f"mkdir -p {folder}\ncat >{path} <<'LAB_FILE'\n{text}LAB_FILE\n"
