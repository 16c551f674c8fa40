"""
Calico from its own manifest, changed where a bench needs it.

What a change expects and does not find is an error that names it: another version of the
manifest must be read by a person first.
"""

from __future__ import annotations

from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from lab.errors import ClusterError
from lab.network.pod import MTU_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lab.cluster.documents import Document

NAMESPACE = "kube-system"
CONFIG = "calico-config"
NODE = "calico-node"
INSTALLER = "install-cni"
CONTROLLERS = "calico-kube-controllers"
ENDPOINT = "kubernetes-services-endpoint"
"""A ConfigMap that the manifest's containers take their environment from, where it is there."""
OPTIONAL_STEPS = frozenset({"upgrade-ipam", "ebpf-bootstrap", "mount-bpffs"})
"""Initial containers that do nothing on a new cluster without BPF, each one a start of a large
program; mount-bpffs is what ebpf-bootstrap was called up to 3.31."""
FELIX_PORT = 9099
NODE_CPU_REQUEST = "50m"
PATIENCE_S = 60
PERIODS_S = {"livenessProbe": 60, "readinessProbe": 10}
"""Whether it is ready is asked more often: a cluster that comes up waits for the answer."""

SETTINGS = {
    "CALICO_IPV4POOL_IPIP": "Always",
    "CALICO_IPV4POOL_VXLAN": "Never",
    # Not the first address found: a node may have an interface that only its owner uses.
    "IP_AUTODETECTION_METHOD": "kubernetes-internal-ip",
    # iptables, as kube-proxy: nft has crashed on Debian 13 (#11750, #13987).
    "FELIX_NFTABLESMODE": "Disabled",
    "FELIX_IPTABLESBACKEND": "NFT",
    "FELIX_BPFENABLED": "false",
    "FELIX_XDPENABLED": "false",
    # It would call home.
    "FELIX_USAGEREPORTINGENABLED": "false",
    # Quiet while the bench measures.
    "FELIX_IPTABLESREFRESHINTERVAL": "0",
    "FELIX_ROUTEREFRESHINTERVAL": "0",
    "FELIX_INTERFACEREFRESHINTERVAL": "0",
    "FELIX_IPSETSREFRESHINTERVAL": "0",
    "FELIX_LOGSEVERITYSCREEN": "Warning",
    "FELIX_HEALTHTIMEOUTOVERRIDES": "InternalDataplaneMainLoop=10m,CalculationGraph=5m",
}
"""The environment of calico-node, beside what the manifest gives it."""
INSTALLER_SETTINGS = {
    # A prepared node has them; to compare them is most of a start (cni-plugin, install.go).
    "UPDATE_CNI_BINARIES": "false",
}
"""The same for the initial container that installs the CNI plugin, each time a node starts."""


def patched(manifest: Iterable[Document], *, has_bird: bool = True) -> tuple[Document, ...]:
    """
    The objects of *manifest*, changed for a bench; *manifest* itself is left alone.

    Without BIRD, Felix alone programs the routes of IPIP: Calico 3.33 and later can.

    Raises:
        ClusterError: if the manifest lacks something that is to be changed.
    """
    documents = deepcopy(tuple(manifest))
    with _known_shape():
        config = _object(documents, "ConfigMap", CONFIG)["data"]
        _replace(config, "veth_mtu", str(MTU_BYTES), of=CONFIG)
        if not has_bird:
            # The name of another backend starts neither BIRD nor confd (rc.local of calico/node).
            _replace(config, "calico_backend", "vxlan", of=CONFIG)
        _patch_node(_object(documents, "DaemonSet", NODE)["spec"]["template"]["spec"])
        # A large program that tidies up after nodes and namespaces that are deleted: none is here.
        _object(documents, "Deployment", CONTROLLERS)["spec"]["replicas"] = 0
    return documents


def endpoint(host: str, port: int) -> Document:
    """
    Where Calico finds the API, other than by the cluster's own address for it.

    That one answers once kube-proxy has made its rules; a CNI plugin that is installed sooner waits
    for it for 30 s, ends, and is started again. Source: Calico's documentation of its BPF data
    plane, which has no kube-proxy.
    """
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": ENDPOINT, "namespace": NAMESPACE},
        "data": {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": str(port)},
    }


def images(documents: Iterable[Document]) -> tuple[str, ...]:
    """
    The images that the pods of *documents* run, each once, sorted.

    Raises:
        ClusterError: if a pod in them is none.
    """
    with _known_shape():
        pods = (
            document["spec"]["template"]["spec"]
            for document in documents
            if document["kind"] in ("DaemonSet", "Deployment")
        )
        return tuple(sorted({container["image"] for pod in pods for container in _containers(pod)}))


def _patch_node(pod: dict[str, Any]) -> None:
    steps = pod["initContainers"]
    pod["initContainers"] = [step for step in steps if step["name"] not in OPTIONAL_STEPS]
    container, installer = _container(pod, NODE), _container(pod, INSTALLER)
    _set(container, SETTINGS)
    _set(installer, INSTALLER_SETTINGS)
    for one in (container, installer):
        if not any(source["configMapRef"]["name"] == ENDPOINT for source in one["envFrom"]):
            raise _changed(f"{one['name']} does not ask for {ENDPOINT}")
    _replace(container["resources"]["requests"], "cpu", NODE_CPU_REQUEST, of=NODE)
    # The manifest's own start a large program each time, and know BIRD.
    for probe, path in (("livenessProbe", "/liveness"), ("readinessProbe", "/readiness")):
        _replace(container, probe, _ask(path, period_s=PERIODS_S[probe]), of=NODE)


def _set(container: dict[str, Any], settings: Mapping[str, str]) -> None:
    """Give *container* an environment with *settings*, whatever it had by those names."""
    own = [entry for entry in container.get("env", ()) if entry["name"] not in settings]
    container["env"] = own + [{"name": name, "value": value} for name, value in settings.items()]


def _ask(path: str, *, period_s: int) -> dict[str, Any]:
    return {
        "httpGet": {"host": "localhost", "path": path, "port": FELIX_PORT},
        "initialDelaySeconds": 10,
        "periodSeconds": period_s,
        "timeoutSeconds": PATIENCE_S,
        "failureThreshold": 6,
    }


def _object(documents: Iterable[Document], kind: str, name: str) -> Document:
    for document in documents:
        if document["kind"] == kind and document["metadata"]["name"] == name:
            return document
    raise _changed(f"no {kind} {name}")


def _container(pod: dict[str, Any], name: str) -> dict[str, Any]:
    for container in _containers(pod):
        if container["name"] == name:
            return container
    raise _changed(f"no container {name}")


def _containers(pod: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from pod.get("initContainers", ())
    yield from pod["containers"]


def _replace(table: dict[str, Any], key: str, value: object, *, of: str) -> None:
    if key not in table:
        raise _changed(f"{of} has no {key}")
    table[key] = value


@contextmanager
def _known_shape() -> Iterator[None]:
    """What is not where the lab looks for it is an error that says so."""
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise _changed(f"it is built in another way ({type(error).__name__}: {error})") from error


def _changed(lack: str) -> ClusterError:
    return ClusterError(
        f"Calico's manifest is not the one that the lab knows: {lack}",
        remedy="read it, and make lab/cluster/calico.py follow; or lock another version",
    )
