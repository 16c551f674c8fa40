"""Nothing runs on the nodes that no lock names: container images, and the cluster's programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lab.cluster.cri_node import CTR

if TYPE_CHECKING:
    from lab.bench import Bench
    from lab.runtime.sandbox import Sandbox

TIMEOUT_S = 240.0


@pytest.fixture(scope="session")
def digests(bench: Bench) -> dict[str, dict[str, str]]:
    """By node, and by name or id: the digest of each image that containerd has."""
    listed = {
        node.name: node.script(f"{CTR} images ls", timeout_s=TIMEOUT_S).splitlines()[1:]
        for node in bench.setting.nodes
    }
    return {
        name: {line.split()[0]: line.split()[2] for line in lines} for name, lines in listed.items()
    }


def test_running_images_are_locked(
    bench: Bench, sandbox: Sandbox, digests: dict[str, dict[str, str]]
) -> None:
    """Each container runs an image of the lock, by the digest of its manifest, or the lab's own."""
    own = digests[sandbox.node.name][bench.setting.image]
    known = {*bench.setting.locked_images.values(), own}
    for node in bench.setting.nodes:
        listed = json.loads(node.script("crictl ps -o json", timeout_s=TIMEOUT_S))["containers"]
        running = {one["metadata"]["name"]: digests[node.name][one["imageRef"]] for one in listed}
        assert not {name for name, digest in running.items() if digest not in known}, node.name


@pytest.fixture(scope="session")
def sums(bench: Bench) -> dict[str, dict[str, str]]:
    """By node and path: the SHA-256 of each program of the artefacts, read there."""
    argv = ["sha256sum", *bench.setting.locked_programs]
    said = {node.name: node.run(argv, timeout_s=TIMEOUT_S).stdout for node in bench.setting.nodes}
    return {
        name: {line.split()[1]: line.split()[0] for line in text.splitlines()}
        for name, text in said.items()
    }


def test_programs_are_locked(
    bench: Bench, sandbox: Sandbox, sums: dict[str, dict[str, str]]
) -> None:
    """kubelet, kubeadm, kubectl and crictl are the files that the lock names."""
    assert sandbox.id
    for name, found in sums.items():
        assert found == dict(bench.setting.locked_programs), name


def test_kubelet_is_the_locked_one(bench: Bench, sandbox: Sandbox) -> None:
    """And what runs is that file."""
    assert sandbox.id
    for node in bench.setting.nodes:
        line = "readlink /proc/$(pgrep -o -x kubelet)/exe"
        running = node.script(line, timeout_s=TIMEOUT_S).strip()
        assert running in bench.setting.locked_programs, node.name
