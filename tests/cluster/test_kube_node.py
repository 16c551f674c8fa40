from __future__ import annotations

import json
import subprocess
import tomllib
from typing import TYPE_CHECKING

import pytest

from lab.cluster import kit as kits
from lab.cluster import kube_node
from lab.cluster.artefacts.loaded import load_artefacts
from lab.cluster.kit import Kit
from lab.errors import ArtefactError, UsageError
from lab.image.build import WorkloadImage
from lab.loader import load_topology
from lab.matrix import Runtime
from tests.cluster import built
from tests.cluster.specimens import DATA, INVITATION
from tests.cluster.test_cri_node import heredoc

if TYPE_CHECKING:
    from pathlib import Path

SINGLE = load_topology("k8s-single")
PAIR = load_topology("k8s-calico-kata")
MANIFEST = (DATA / "calico.yaml").read_text()


def made(
    directory: Path, *, manifest: str = "", calico_images: tuple[str, ...] = built.CALICO_IMAGES
) -> Kit:
    lock_file = built.fill_cluster(directory, manifest=manifest, calico_images=calico_images)
    return Kit.of_cluster(load_artefacts(lock_file, directory))


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return made(tmp_path / "built")


def workload(directory: Path) -> WorkloadImage:
    return WorkloadImage("d3", directory, "lab.local/workload:1", "sha256:1a2b")


def test_a_cluster_needs_no_release_of_kata(kit: Kit) -> None:
    assert kit.releases == {}
    assert [handler.name for handler in kit.handlers] == [
        "veth-overlayfs-runc",
        "veth-devmapper-runc",
    ]


@pytest.mark.parametrize("lack", built.CLUSTER_FILES)
def test_a_cluster_lacks_nothing_unsaid(tmp_path: Path, lack: str) -> None:
    lock_file = built.fill_cluster(tmp_path / "built", without=lack)
    name = lack.rpartition("/")[2].removesuffix(".tar")

    with pytest.raises(ArtefactError, match=rf"names no (image of )?{name}\n") as caught:
        Kit.of_cluster(load_artefacts(lock_file, tmp_path / "built"))
    assert "lab artefacts lock" in caught.value.remedy


def test_calico_is_there_with_all_its_images_or_not_at_all(tmp_path: Path) -> None:
    whole = made(tmp_path / "whole", manifest=MANIFEST)
    half = made(tmp_path / "half", manifest=MANIFEST, calico_images=("cni", "node"))

    assert whole.cluster is not None
    assert whole.cluster.has_calico
    assert "quay.io/calico/node:v3.99.0" in whole.locked_images
    assert half.cluster is not None
    assert not half.cluster.has_calico


def test_what_stands_in_for_calico_is_said(tmp_path: Path) -> None:
    lock_file = built.fill_cluster(tmp_path / "built")
    said: list[str] = []

    cells, _ = kits.choose_for_cluster(
        None, directory=tmp_path / "built", lock_file=lock_file, say=said.append
    )

    assert {cell.runtime for cell in cells} == {Runtime.RUNC}
    assert said == [
        "without Calico, whose artefacts are not here: the lab's CNI plugin stands in for it"
    ]


def test_no_pod_is_started_by_the_reference(tmp_path: Path) -> None:
    lock_file = built.fill_cluster(tmp_path / "built")

    with pytest.raises(ArtefactError, match=r"names no kata-go"):
        kits.choose_for_cluster(
            "none+9p+kata-go", directory=tmp_path / "built", lock_file=lock_file, say=print
        )
    with_kata = built.fill_cluster(tmp_path / "kata", releases=built.RELEASES)
    with pytest.raises(UsageError, match="does not have; it has runc, kata-go, kata-rs"):
        kits.choose_for_cluster(
            "none+9p+reference", directory=tmp_path / "kata", lock_file=with_kata, say=print
        )


def test_every_script_is_one_that_a_shell_understands(tmp_path: Path) -> None:
    kit = made(tmp_path / "built", manifest=MANIFEST)
    scripts = (
        kube_node.layout_script(kit, SINGLE, SINGLE.node),
        kube_node.import_script(kit, workload(tmp_path), SINGLE.node),
        kube_node.INIT,
        kube_node.INIT_LATER,
        kube_node.APPLY,
        kube_node.START,
        kube_node.CLOSE_WORKER,
        kube_node.CLOSE,
        kube_node.END,
        kube_node.layout_script(kit, PAIR, PAIR.node),
        kube_node.making(PAIR, kube_node.parts_of(kit)),
        kube_node.INVITATION,
        kube_node.START_LATER,
    )

    done = subprocess.run(
        ["/bin/sh", "-n"], input="".join(scripts), capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_kubeadm_makes_one_node_at_the_address_that_sandboxes_reach(kit: Kit) -> None:
    init = heredoc(
        kube_node.layout_script(kit, SINGLE, SINGLE.node), "/etc/kubernetes/lab/init.yaml"
    )

    assert "advertiseAddress: 198.18.0.1\n" in init
    assert "kubernetesVersion: v1.36.4\n" in init
    assert "taints: []\n" in init


def test_each_handler_has_its_runtime_class(kit: Kit) -> None:
    text = heredoc(
        kube_node.layout_script(kit, SINGLE, SINGLE.node), "/etc/kubernetes/lab/objects.json"
    )

    items = json.loads(text)["items"]
    assert [item["kind"] for item in items] == ["Namespace", "RuntimeClass", "RuntimeClass"]
    assert {item["handler"] for item in items[1:]} == {h.name for h in kit.handlers}


def test_the_labs_plugin_makes_the_network_only_where_calico_does_not(tmp_path: Path) -> None:
    places = {}
    for manifest in ("", MANIFEST):
        script = kube_node.layout_script(
            made(tmp_path / f"b{bool(manifest)}", manifest=manifest), SINGLE, SINGLE.node
        )
        config = tomllib.loads(heredoc(script, "/etc/containerd/config.toml"))
        cni = config["plugins"]["io.containerd.grpc.v1.cri"]["cni"]
        places[cni["bin_dir"]] = "10-lab.conflist" in script, "calico.json" in script

    assert places == {"/usr/lib/cni": (True, False), "/opt/cni/bin": (False, True)}


def test_calico_is_told_where_the_api_is_before_it_is_made(tmp_path: Path) -> None:
    kit = made(tmp_path / "built", manifest=MANIFEST)

    script = kube_node.layout_script(kit, PAIR, PAIR.control_plane)

    where, *_ = json.loads(heredoc(script, "/etc/kubernetes/lab/calico.json"))["items"]
    assert where["metadata"]["name"] == "kubernetes-services-endpoint"
    assert where["data"] == {
        "KUBERNETES_SERVICE_HOST": "198.18.1.1",
        "KUBERNETES_SERVICE_PORT": "6443",
    }


def test_every_image_is_imported_and_kept(tmp_path: Path, kit: Kit) -> None:
    script = kube_node.import_script(kit, workload(tmp_path), SINGLE.node)

    pinned = [line.split()[5] for line in script.splitlines() if " label " in line]
    assert pinned == [
        "lab.local/workload:1",
        built.PAUSE,
        "registry.k8s.io/etcd:3.6.8-0",
        "registry.k8s.io/kube-apiserver:v1.36.4",
        "registry.k8s.io/kube-controller-manager:v1.36.4",
        "registry.k8s.io/kube-scheduler:v1.36.4",
        "registry.k8s.io/kube-proxy:v1.36.4",
    ]
    assert script.count("--snapshotter devmapper") == 2
    assert script.count("--snapshotter overlayfs") == 7


def test_the_programs_are_locked_by_their_path_on_the_node(kit: Kit) -> None:
    assert set(kit.locked_programs) == {
        f"/opt/lab-artefacts/bin/{name}" for name in ("crictl", "kubeadm", "kubelet", "kubectl")
    }


def test_a_kit_without_a_cluster_makes_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not for a cluster"):
        kube_node.layout_script(built.kit(tmp_path / "built"), SINGLE, SINGLE.node)


def test_of_two_nodes_only_the_control_plane_has_orders_for_a_control_plane(kit: Kit) -> None:
    control, worker = (kube_node.layout_script(kit, PAIR, node) for node in PAIR.nodes)

    init = heredoc(control, "/etc/kubernetes/lab/init.yaml")
    assert "advertiseAddress: 198.18.1.1\n" in init
    assert "taints: []" not in init
    assert "objects.json" not in worker
    assert "/etc/kubernetes/lab" not in worker
    assert "/etc/kubernetes/patches" not in worker
    assert "/usr/bin/kubelet" in worker
    assert "/etc/systemd/system/kubelet.service" in worker


def test_a_worker_is_told_whom_to_join_and_by_what_to_know_it(kit: Kit) -> None:
    script = kube_node.join_script(PAIR, kube_node.parts_of(kit), PAIR.node, INVITATION)

    assert heredoc(script, "/etc/kubernetes/lab/join.yaml") == (
        (DATA / "kubeadm-join.yaml").read_text()
    )
    assert script.endswith(kube_node.JOIN)


def test_a_worker_has_no_images_of_a_control_plane(tmp_path: Path) -> None:
    kit = made(tmp_path / "built", manifest=MANIFEST)

    script = kube_node.import_script(kit, workload(tmp_path), PAIR.node)

    assert "kube-apiserver" not in script
    assert "etcd" not in script
    assert "registry.k8s.io/kube-proxy:v1.36.4" in script
    assert "quay.io/calico/node:v3.99.0" in script


def test_all_that_makes_a_cluster_tells_one_kind_from_another(kit: Kit) -> None:
    parts = kube_node.parts_of(kit)

    assert "kubeadm join" not in kube_node.making(SINGLE, parts)
    assert kube_node.making(PAIR, parts).count("kubeadm join") == 1


def test_what_let_workers_join_is_taken_back() -> None:
    withdraw, forget = kube_node.CLOSE.splitlines()

    assert " delete secrets --wait=false " in withdraw
    assert "type=bootstrap.kubernetes.io/token" in withdraw
    assert forget == f"rm -f {kube_node.INIT_LOG}"
    assert f"rm -f {kube_node.FOLDER}/join.yaml {kube_node.JOIN_LOG}\n" == kube_node.CLOSE_WORKER
