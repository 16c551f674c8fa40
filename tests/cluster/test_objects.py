from __future__ import annotations

from lab.cluster import objects
from lab.posix import SHARED
from tests.cluster.specimens import every_handler, handler


def test_a_pod_asks_for_the_handler_of_its_cell_and_names_its_node() -> None:
    mine = handler("macvtap+devmapper+kata-rs")

    pod = objects.pod(mine, name="boot1", node="worker-1", image="docker.io/lab/workload:1")

    assert pod["spec"]["runtimeClassName"] == objects.runtime_class(mine)["metadata"]["name"]
    assert pod["spec"]["nodeName"] == "worker-1"
    assert pod["metadata"]["namespace"] == objects.namespace()["metadata"]["name"]


def test_a_pod_beside_a_control_plane_tolerates_what_keeps_others_off() -> None:
    mine = handler("veth+overlayfs+runc")
    like = {"name": "far-peer", "node": "control-1", "image": "docker.io/lab/workload:1"}

    pod, plain = objects.tolerant(mine, **like), objects.pod(mine, **like)

    (toleration,) = pod["spec"].pop("tolerations")
    assert toleration["key"] == "node-role.kubernetes.io/control-plane"
    assert pod == plain


def test_no_pod_pulls_its_image() -> None:
    for each in every_handler():
        pod = objects.pod(each, name="boot1", node="worker-1", image="docker.io/lab/workload:1")
        assert [container["imagePullPolicy"] for container in pod["spec"]["containers"]] == [
            "Never"
        ]


def test_a_runtime_class_leads_to_the_handler_of_the_same_name() -> None:
    for each in every_handler():
        made = objects.runtime_class(each)
        assert made["handler"] == made["metadata"]["name"] == each.name


def test_a_pod_that_is_to_be_broken_is_not_started_again() -> None:
    mine = handler("tcfilter+virtiofs+kata-go")

    pod = objects.mortal(mine, name="boot1-doomed", node="worker-1", image="lab/workload:1")

    assert pod["spec"]["restartPolicy"] == "Never"


def test_pods_that_share_have_one_folder_of_the_node_under_its_own_name() -> None:
    mine = handler("tcfilter+virtiofs+kata-go")

    pod = objects.sharing(mine, name="boot1-first", node="worker-1", image="lab/workload:1")

    (container,) = pod["spec"]["containers"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    folders = {volume["name"]: volume.get("hostPath") for volume in pod["spec"]["volumes"]}
    assert mounts["shared"] == SHARED
    assert folders["shared"] == {"path": SHARED, "type": "DirectoryOrCreate"}
    assert folders["tmp"] is None
