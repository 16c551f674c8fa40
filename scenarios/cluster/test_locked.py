"""Nothing runs on the node that no lock names: container images, and the cluster's programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lab.cluster.cri_node import CTR

if TYPE_CHECKING:
    from lab.bench import Bench
    from lab.node import Node
    from lab.runtime.sandbox import Sandbox

TIMEOUT_S = 240.0


@pytest.fixture(scope="session")
def digests(node: Node) -> dict[str, str]:
    """By name: the digest of each image that containerd has; it knows each by its id as well."""
    listed = node.script(f"{CTR} images ls", timeout_s=TIMEOUT_S).splitlines()[1:]
    return {line.split()[0]: line.split()[2] for line in listed}


@pytest.fixture(scope="session")
def sums(bench: Bench, node: Node) -> dict[str, str]:
    """By path: the SHA-256 of each program of the artefacts, read on the node."""
    paths = list(bench.setting.locked_programs)
    lines = node.run(["sha256sum", *paths], timeout_s=TIMEOUT_S).stdout.splitlines()
    return {line.split()[1]: line.split()[0] for line in lines}


def test_running_images_are_locked(
    bench: Bench, sandbox: Sandbox, node: Node, digests: dict[str, str]
) -> None:
    """Each container runs an image of the lock, by the digest of its manifest, or the lab's own."""
    known = {*bench.setting.locked_images.values(), digests[bench.setting.image]}
    listed = json.loads(node.script("crictl ps -o json", timeout_s=TIMEOUT_S))["containers"]
    running = {one["metadata"]["name"]: digests[one["imageRef"]] for one in listed}
    assert sandbox.id
    assert not {name for name, digest in running.items() if digest not in known}


def test_programs_are_locked(bench: Bench, sandbox: Sandbox, sums: dict[str, str]) -> None:
    """kubelet, kubeadm, kubectl and crictl are the files that the lock names."""
    assert sandbox.id
    assert sums == dict(bench.setting.locked_programs)


def test_kubelet_is_the_locked_one(bench: Bench, sandbox: Sandbox, node: Node) -> None:
    """And what runs is that file."""
    assert sandbox.id
    line = "readlink /proc/$(pgrep -o -x kubelet)/exe"
    running = node.script(line, timeout_s=TIMEOUT_S).strip()
    assert running in bench.setting.locked_programs
