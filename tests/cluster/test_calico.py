from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from lab.cluster import calico
from lab.errors import ClusterError
from tests.cluster.specimens import manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lab.cluster.documents import Document


def the(kind: str, documents: Iterable[Document]) -> Document:
    (found,) = (each for each in documents if each["kind"] == kind)
    return found


def pod(kind: str, documents: Iterable[Document]) -> dict[str, Any]:
    spec: dict[str, Any] = the(kind, documents)["spec"]["template"]["spec"]
    return spec


def node(documents: Iterable[Document]) -> dict[str, Any]:
    (container,) = pod("DaemonSet", documents)["containers"]
    return dict(container)


def test_the_manifest_itself_is_left_alone() -> None:
    read = manifest()

    calico.patched(read)

    assert read == manifest()


def test_pods_have_the_mtu_of_the_lab() -> None:
    assert the("ConfigMap", calico.patched(manifest()))["data"]["veth_mtu"] == "1440"


def test_settings_stand_once_whatever_the_manifest_had() -> None:
    environment = node(calico.patched(manifest()))["env"]

    names = [entry["name"] for entry in environment]
    assert len(set(names)) == len(names)
    values = {entry["name"]: entry.get("value") for entry in environment}
    assert values["CALICO_IPV4POOL_IPIP"] == "Always"
    assert values["IP_AUTODETECTION_METHOD"] == "kubernetes-internal-ip"
    assert values["FELIX_HEALTHENABLED"] == "true"
    assert "NODENAME" in values


def test_no_probe_starts_a_program_or_asks_for_bird() -> None:
    container = node(calico.patched(manifest()))

    for probe, path in (("livenessProbe", "/liveness"), ("readinessProbe", "/readiness")):
        assert "exec" not in container[probe]
        assert container[probe]["httpGet"]["path"] == path


def test_controllers_have_nothing_to_tidy_up_and_do_not_run() -> None:
    assert the("Deployment", calico.patched(manifest()))["spec"]["replicas"] == 0


def test_what_a_prepared_node_has_is_not_compared_again() -> None:
    (installer,) = pod("DaemonSet", calico.patched(manifest()))["initContainers"]

    assert {"name": "UPDATE_CNI_BINARIES", "value": "false"} in installer["env"]


def test_only_the_step_that_installs_is_left_to_wait_for() -> None:
    steps = pod("DaemonSet", calico.patched(manifest()))["initContainers"]

    assert [step["name"] for step in steps] == ["install-cni"]


@pytest.mark.parametrize(("has_bird", "backend"), [(True, "bird"), (False, "vxlan")])
def test_bird_is_an_option(has_bird: bool, backend: str) -> None:  # noqa: FBT001 - a parameter
    patched = calico.patched(manifest(), has_bird=has_bird)

    assert the("ConfigMap", patched)["data"]["calico_backend"] == backend


def test_what_is_not_calicos_choice_stays_as_it_is() -> None:
    untouched = ("ServiceAccount", "CustomResourceDefinition")

    for kind in untouched:
        assert the(kind, calico.patched(manifest())) == the(kind, manifest())


def test_images_are_named_once() -> None:
    assert calico.images(manifest()) == (
        "quay.io/calico/cni:v3.99.0",
        "quay.io/calico/kube-controllers:v3.99.0",
        "quay.io/calico/node:v3.99.0",
    )


CHANGES: dict[str, Callable[[tuple[Document, ...]], object]] = {
    "no ConfigMap calico-config": lambda d: the("ConfigMap", d)["metadata"].update(name="other"),
    "calico-config has no veth_mtu": lambda d: the("ConfigMap", d)["data"].pop("veth_mtu"),
    "no DaemonSet calico-node": lambda d: the("DaemonSet", d)["metadata"].update(name="other"),
    "no Deployment calico-kube": lambda d: the("Deployment", d)["metadata"].update(name="other"),
    "calico-node does not ask for kubernetes-services-endpoint": lambda d: pod("DaemonSet", d)[
        "containers"
    ][0].update(envFrom=[]),
    "no container calico-node": lambda d: pod("DaemonSet", d)["containers"][0].update(name="x"),
    "calico-node has no readinessProbe": lambda d: pod("DaemonSet", d)["containers"][0].pop(
        "readinessProbe"
    ),
}


@pytest.mark.parametrize("lack", CHANGES)
def test_a_manifest_that_has_changed_is_not_patched_blindly(lack: str) -> None:
    changed = deepcopy(manifest())
    CHANGES[lack](changed)

    with pytest.raises(ClusterError, match=lack) as caught:
        calico.patched(changed)

    assert "lab/cluster/calico.py" in caught.value.remedy
