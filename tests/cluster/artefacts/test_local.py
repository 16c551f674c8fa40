"""A directory of locally built artefacts: which file is which, and what is none."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from lab.cluster.artefacts import local, lock, oci
from lab.cluster.artefacts.artefact import Kind
from lab.errors import ArtefactError, CommandError, UsageError
from tests.cluster.artefacts.test_relock import named
from tests.cluster.artefacts.upstream import KATA_MAGIC, MANIFEST, PAUSE, Registry

if TYPE_CHECKING:
    from pathlib import Path

SAYS = {
    "kubeadm": "v1.36.2",
    "kubelet": "Kubernetes v1.36.2-dirty",
    "kubectl": "Client Version: v1.36.2\nKustomize Version: v5.8.1",
    "crictl": "crictl version unknown",
    "critest": "critest version: 1.36.0",
}
ASKED = {"kubeadm": "version --output short", "kubectl": "version --client"}


def program(path: Path, says: str, *, asked: str = "--version") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\ntest \"$*\" = '{asked}' || exit 9\necho '{says}'\n")
    path.chmod(0o755)


def put(path: Path, data: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def fill(directory: Path, registry: Registry) -> Path:
    """Everything that the layout knows."""
    for name, says in SAYS.items():
        program(directory / "bin" / name, says, asked=ASKED.get(name, "--version"))
    put(directory / "manifests" / "calico.yaml", MANIFEST)
    for name in ("kata-go-3.28.0", "kata-go-4.1.0", "kata-rs-4.1.0-dev"):
        put(directory / "kata" / f"{name}.tar.zst", KATA_MAGIC + name.encode())
    digest = registry.put(PAUSE)
    archive = put(directory / "images" / "pause.tar")
    oci.pack(
        registry.home / "images" / digest.removeprefix("sha256:"),
        archive,
        reference=PAUSE,
        digest=digest,
    )
    put(directory / "README", b"is no artefact, and in nobody's way")
    return directory


def test_a_directory_is_locked(registry: Registry, tmp_path: Path, lock_file: Path) -> None:
    known = local.relock(fill(tmp_path / "built", registry), lock_file)

    assert lock.load(lock_file) == known
    assert not known.is_official
    assert {artefact.key for artefact in known.artefacts} == {
        ("kubeadm", "v1.36.2"),
        ("kubelet", "v1.36.2-dirty"),
        ("kubectl", "v1.36.2"),
        ("crictl", "local"),
        ("critest", "1.36.0"),
        ("calico", "v3.33.1"),
        ("kata-go", "3.28.0"),
        ("kata-go", "4.1.0"),
        ("kata-rs", "4.1.0-dev"),
        (PAUSE, "3.10.2"),
    }
    assert {artefact.source for artefact in known.artefacts} == {
        f"taken locally {datetime.now(UTC):%Y-%m-%d}"
    }


def test_a_local_artefact_is_a_path_and_a_sum(
    registry: Registry, tmp_path: Path, lock_file: Path
) -> None:
    directory = fill(tmp_path / "built", registry)

    known = local.relock(directory, lock_file)

    pause, calico = named(known, PAUSE), named(known, "calico")
    assert (pause.kind, pause.address) == (Kind.IMAGE, "images/pause.tar")
    assert pause.digest == registry.put(PAUSE)
    assert calico.address == "manifests/calico.yaml"
    assert calico.sha256 == hashlib.sha256(MANIFEST).hexdigest()
    assert calico.size == len(MANIFEST)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bin/kubeadmm", "known: kubeadm, kubelet"),
        ("images/pause.tar.gz", r"known: \*\.tar"),
        ("images/pause.tar", "no tar archive"),
        ("manifests/canal.yaml", "known: calico.yaml"),
        ("manifests/calico.yaml", "names no images"),
        ("kata/kata-static-4.1.0.tar.zst", "known: kata-go-VERSION"),
        ("kata/kata-rs-.tar.zst", "known: kata-go-VERSION"),
        ("kata/kata-rs-4.1.0 (1).tar.zst", "version"),
        ("bin/kubeadm", "is not executable"),
    ],
)
def test_what_is_no_artefact_is_named(
    tmp_path: Path, lock_file: Path, name: str, said: str
) -> None:
    path = put(tmp_path / name)

    with pytest.raises(ArtefactError, match=said) as caught:
        local.relock(tmp_path, lock_file)

    assert str(path) in str(caught.value)
    assert not lock_file.exists()


def test_a_program_for_another_machine_is_named(tmp_path: Path, lock_file: Path) -> None:
    put(tmp_path / "bin" / "kubelet", b"\x7fELF not for this one").chmod(0o755)

    with pytest.raises(ArtefactError, match="cannot be run here"):
        local.relock(tmp_path, lock_file)


def test_a_program_that_fails_is_quoted(tmp_path: Path, lock_file: Path) -> None:
    program(tmp_path / "bin" / "kubelet", "", asked="something else")

    with pytest.raises(CommandError, match="status 9"):
        local.relock(tmp_path, lock_file)


def test_a_manifest_of_an_unknown_version_is_local(tmp_path: Path, lock_file: Path) -> None:
    put(tmp_path / "manifests" / "calico.yaml", f"image: {PAUSE}".encode())

    assert named(local.relock(tmp_path, lock_file), "calico").version == "local"


def test_the_same_image_twice_is_refused(
    registry: Registry, tmp_path: Path, lock_file: Path
) -> None:
    directory = fill(tmp_path / "built", registry)
    pause = directory / "images" / "pause.tar"
    put(directory / "images" / "again.tar", pause.read_bytes())

    with pytest.raises(ArtefactError, match=rf"more than once: {PAUSE}"):
        local.relock(directory, lock_file)


def test_an_empty_directory_has_nothing_to_lock(tmp_path: Path, lock_file: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(ArtefactError, match="holds no artefacts") as caught:
        local.relock(tmp_path / "empty", lock_file)

    assert "docs/artefacts.md" in caught.value.remedy


def test_a_directory_that_is_not_there_is_a_wrong_command_line(
    tmp_path: Path, lock_file: Path
) -> None:
    with pytest.raises(UsageError, match="there is no directory"):
        local.relock(tmp_path / "nowhere", lock_file)
