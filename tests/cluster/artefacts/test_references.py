"""Which images are wanted: kubeadm and the manifest say it, and say it in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.cluster.artefacts import references
from lab.errors import ArtefactError, CommandError
from tests.cluster.artefacts.upstream import KUBEADM, MANIFEST, NODE, PAUSE

if TYPE_CHECKING:
    from pathlib import Path


def kubeadm(place: Path, script: str | bytes) -> Path:
    path = place / "kubeadm"
    path.write_bytes(script.encode() if isinstance(script, str) else script)
    path.chmod(0o755)
    return path


def test_kubeadm_is_asked_for_its_version(tmp_path: Path) -> None:
    assert references.of_kubeadm(kubeadm(tmp_path, KUBEADM), "v1.36.4") == (PAUSE,)


def test_kubeadm_that_fails_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="status 9"):
        references.of_kubeadm(kubeadm(tmp_path, KUBEADM), "v1.0.0")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("#!/bin/sh\n", "kubeadm v1 names no images"),
        ("#!/bin/sh\necho pause:3.10", "kubeadm v1 names 'pause:3.10', no reference"),
    ],
)
def test_what_names_no_images_is_refused(tmp_path: Path, script: str, said: str) -> None:
    with pytest.raises(ArtefactError, match=said):
        references.of_kubeadm(kubeadm(tmp_path, script), "v1")


def test_a_manifest_is_read_once_for_each_image() -> None:
    assert references.of_manifest(MANIFEST.decode(), name="calico") == (NODE,)


@pytest.mark.parametrize(
    "line",
    [
        "image: quay.io/calico/node:v3.33.1",
        "      image: quay.io/calico/node:v3.33.1",
        "    - image: quay.io/calico/node:v3.33.1",
        '  image: "quay.io/calico/node:v3.33.1"',
        "  image: 'quay.io/calico/node:v3.33.1'  # pinned",
    ],
)
def test_yaml_has_many_ways(line: str) -> None:
    text = f"imagePullPolicy: Always\n{line}\n# image: quay.io/no/comment:v1\nimages:\n"

    assert references.of_manifest(text, name="calico") == (NODE,)


@pytest.mark.parametrize(
    "text",
    ["", "<html>", "image: node", "image: quay.io/calico/node", "image: {{ .Values.image }}"],
)
def test_a_manifest_without_references_is_refused(text: str) -> None:
    with pytest.raises(ArtefactError, match="calico names"):
        references.of_manifest(text, name="calico")


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        (PAUSE, "registry.k8s.io/pause"),
        ("registry.k8s.io/coredns/coredns:v1.14.2", "registry.k8s.io/coredns/coredns"),
        ("localhost:5000/a/b_c--d:latest", "localhost:5000/a/b_c--d"),
    ],
)
def test_a_reference_is_taken_apart(reference: str, name: str) -> None:
    assert references.split(reference) == (name, reference.removeprefix(f"{name}:"))


@pytest.mark.parametrize(
    "text",
    ["", "pause", "pause:3", "a/pause:3", "k8s.io/pause", "k8s.io/../x:1", "-k8s.io", "K8S.io/a:1",
     f"k8s.io/pause@sha256:{'0' * 64}", "k8s.io/pause:3 --help", "k8s.io//pause:3"],
)  # fmt: skip
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a registry, a name and a tag"):
        references.split(text)
