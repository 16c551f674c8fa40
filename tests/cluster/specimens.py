"""What the tests of this room configure, and the files that come out of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from lab.cluster import calico, containerd, documents, kata_config, kubeadm, kubelet, objects
from lab.cluster.handler import Handler, handlers
from lab.cluster.kata import release_of
from lab.matrix import KATA, Cell, Network, Runtime, Storage, cells_of, default_cells_of
from lab.topology import SandboxSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DATA = Path(__file__).parents[1] / "data" / "cluster"

RELEASES = {runtime: release_of(runtime) for runtime in KATA}
PAUSE = "registry.k8s.io/pause:3.10.2"
SANDBOX = SandboxSpec(cpus=1, memory_mib=512)
WORKER = kubeadm.Member(name="worker-1", address="198.18.1.2")
SPEC = kubeadm.ClusterSpec(
    version="v1.36.2",
    control_plane=kubeadm.Member(name="control-1", address="198.18.1.1"),
    is_single=False,
)
SINGLE = kubeadm.ClusterSpec(version=SPEC.version, control_plane=SPEC.control_plane, is_single=True)
CA_HASH = f"sha256:{'0f' * 32}"
INVITATION = kubeadm.Invitation("abcdef.0123456789abcdef", CA_HASH)
SAID = f"""\
Then you can join any number of worker nodes by running the following on each as root:

kubeadm join 198.18.1.1:6443 --token {INVITATION.token} \\
\t--discovery-token-ca-cert-hash {CA_HASH}
"""
"""How kubeadm ends."""


def handler(cell: str) -> Handler:
    """The handler of the cell of that name, in the pinned release of its runtime."""
    (made,) = handlers([Cell.parse(cell)], RELEASES)
    return made


def every_handler() -> tuple[Handler, ...]:
    """The handlers of all cells that a cluster can have."""
    return handlers(cells_of([Runtime.RUNC, *KATA]), RELEASES)


def manifest() -> tuple[documents.Document, ...]:
    """The manifest of tests/data, in the shape of Calico's own."""
    return documents.read((DATA / "calico.yaml").read_text(), name="calico.yaml")


def _containerd() -> str:
    cells = default_cells_of([Runtime.RUNC, *KATA])
    return containerd.config(handlers(cells, RELEASES), sandbox_image=PAUSE)


def _objects() -> str:
    mine = handler("tcfilter+virtiofs+kata-go")
    pod = objects.pod(mine, name="boot7", node="worker-1", image="docker.io/lab/workload:1")
    return documents.for_kubectl([objects.namespace(), objects.runtime_class(mine), pod])


def _drop_in(storage: Storage, runtime: Runtime) -> Callable[[], str]:
    made = handler(str(Cell(Network.TCFILTER, storage, runtime)))
    return lambda: kata_config.drop_in(made, SANDBOX)


GUEST_STORAGES = tuple(dict.fromkeys(cell.storage for cell in cells_of(KATA)))
FILES: Mapping[str, Callable[[], str]] = {
    "containerd.toml": _containerd,
    "kubeadm-init.yaml": lambda: kubeadm.init_configuration(SPEC),
    "kubeadm-init-single.yaml": lambda: kubeadm.init_configuration(SINGLE),
    "kubeadm-join.yaml": lambda: kubeadm.join_configuration(SPEC, WORKER, INVITATION),
    "patches.json": lambda: json.dumps(kubeadm.patches(), indent=2) + "\n",
    "kubelet.service": lambda: kubelet.UNIT,
    "10-kubeadm.conf": lambda: kubelet.DROP_IN,
    "objects.json": _objects,
    "calico.json": lambda: documents.for_kubectl(calico.patched(manifest())),
    "install.sh": lambda: kata_config.install_script(handler("none+9p+kata-rs"), SANDBOX),
    **{
        f"{storage}+{runtime}.toml": _drop_in(storage, runtime)
        for runtime in KATA
        for storage in GUEST_STORAGES
    },
}
"""Every kind of file that the room writes, by its name in tests/data/cluster."""


if __name__ == "__main__":
    for name, write in FILES.items():
        (DATA / name).write_text(write())
