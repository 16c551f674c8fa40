"""The artefacts as the rest of the lab knows them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest

from lab.cluster.artefacts import cache, local, lock
from lab.cluster.artefacts.artefact import UNPINNED
from lab.cluster.artefacts.fetch import fetch
from lab.cluster.artefacts.loaded import Artefacts, Image, load_artefacts, verify
from lab.errors import ArtefactError
from tests.cluster.artefacts.test_local import SAYS, fill
from tests.cluster.artefacts.test_relock import named, relocked
from tests.cluster.artefacts.upstream import (
    AGNHOST,
    KATA_MAGIC,
    KUBEADM,
    NODE,
    PAUSE,
    Registry,
    Upstream,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def official(internet: Upstream, lock_file: Path) -> Artefacts:
    """Upstream's artefacts, all in the cache."""
    relocked(internet, lock_file)
    fetch(lock_file, say=str)
    return load_artefacts(lock_file)


@pytest.fixture
def directory(registry: Registry, tmp_path: Path, lock_file: Path) -> Path:
    """Locally built artefacts, and their lock."""
    built = fill(tmp_path / "built", registry)
    local.relock(built, lock_file)
    return built


def test_official_files_are_in_the_cache(official: Artefacts) -> None:
    assert official.is_official
    assert official.path("kubeadm").read_bytes() == KUBEADM
    assert official.version("kubeadm") == "v1.36.4"
    assert official.missing() == ()
    assert official.digest == official.lock.digest


def test_a_packed_program_is_the_program(official: Artefacts) -> None:
    assert official.path("crictl").read_bytes() == b"#!/bin/sh\necho crictl\n"


def test_kata_is_found_by_runtime(official: Artefacts) -> None:
    kata = official.kata("kata-go")

    assert (kata.name, kata.version) == ("kata-go", "3.28.0")
    assert kata.archive.read_bytes() == KATA_MAGIC + b"kata-go"
    assert official.kata("kata-rs", "4.1.0").version == "4.1.0"


def test_images_have_their_references_and_digests(official: Artefacts, registry: Registry) -> None:
    digests = {reference: registry.put(reference) for reference in (PAUSE, AGNHOST, NODE)}

    images = official.images()

    assert {image.reference: image.digest for image in images} == digests
    assert all(image.archive.is_file() for image in images)


def test_a_name_that_is_not_locked_is_said(official: Artefacts, lock_file: Path) -> None:
    assert official.has("containerd")
    assert not official.has("cri-o")

    with pytest.raises(ArtefactError, match="names no cri-o") as caught:
        official.path("cri-o")
    assert f"lab artefacts lock --lock {lock_file}" in caught.value.remedy
    with pytest.raises(ArtefactError, match=r"names no kata-go 9\.9"):
        official.kata("kata-go", "9.9")


def test_a_lock_that_does_not_say_what_something_must_be_is_refused(official: Artefacts) -> None:
    """Whatever came under that name would be taken for it."""
    first, *others = official.lock.artefacts
    floating = msgspec.structs.replace(first, sha256=None, size=None, source=UNPINNED)
    loose = msgspec.structs.replace(official.lock, artefacts=(floating, *others))

    with pytest.raises(ArtefactError, match=f"what these must be: {first.name}") as caught:
        verify(replace(official, lock=loose))
    assert "lab artefacts fetch" in caught.value.remedy


def test_what_is_missing_names_the_command_that_gets_it(
    official: Artefacts, lock_file: Path
) -> None:
    cache.path_of(named(official.lock, "kubelet")).unlink()
    cache.path_of(named(official.lock, PAUSE)).unlink()

    with pytest.raises(ArtefactError, match=r"kubelet v1\.36\.4 is not in the cache") as caught:
        official.path("kubelet")
    assert f"`lab artefacts fetch --lock {lock_file}`" in caught.value.remedy
    assert "lab artefacts import" in caught.value.remedy
    with pytest.raises(ArtefactError, match="is not in the cache"):
        official.images()
    assert [one.name for one in official.missing()] == ["kubelet", PAUSE]


def test_what_is_not_fetched_yet_is_missing(internet: Upstream, lock_file: Path) -> None:
    relocked(internet, lock_file)

    with pytest.raises(ArtefactError, match=r"kata-go 3\.28\.0 is not in the cache"):
        load_artefacts(lock_file).kata("kata-go")


def test_good_files_are_verified(official: Artefacts) -> None:
    verify(official)


def test_damage_is_found_and_deleted(official: Artefacts) -> None:
    bad = cache.path_of(named(official.lock, "kubelet"))
    bad.write_bytes(bad.read_bytes().swapcase())
    gone = cache.path_of(named(official.lock, "kubectl"))
    gone.unlink()

    with pytest.raises(ArtefactError, match="2 of 13 artefacts are not what") as caught:
        verify(official)

    said = "".join(caught.value.__notes__)
    assert "kubelet v1.36.4 has the wrong sum" in said
    assert str(named(official.lock, "kubelet").sha256) in said
    assert "kubectl v1.36.4 is missing" in said
    assert "lab artefacts fetch" in caught.value.remedy
    assert not bad.exists()


def test_what_was_unpacked_is_not_believed(official: Artefacts) -> None:
    official.path("crictl").write_bytes(b"evil")

    verify(official)

    assert official.path("crictl").read_bytes() == b"#!/bin/sh\necho crictl\n"


def test_a_directory_stands_in(directory: Path, lock_file: Path) -> None:
    built = load_artefacts(lock_file, directory)

    assert not built.is_official
    assert built.path("kubeadm") == directory / "bin" / "kubeadm"
    assert built.version("kubelet") == "v1.36.2-dirty"
    assert built.kata("kata-go").version == "3.28.0"
    assert built.kata("kata-go", "4.1.0").archive == directory / "kata" / "kata-go-4.1.0.tar.zst"
    (image,) = built.images()
    assert image == Image(PAUSE, image.digest, directory / "images" / "pause.tar")
    assert not built.has("containerd")
    verify(built)


def test_a_directory_that_changed_is_refused_and_left(directory: Path, lock_file: Path) -> None:
    changed = directory / "bin" / "kubeadm"
    changed.write_text(changed.read_text() + f"# {SAYS}\n")

    with pytest.raises(ArtefactError, match="1 of 10 artefacts are not what") as caught:
        load_artefacts(lock_file, directory)

    assert "kubeadm v1.36.2 has the wrong sum" in "".join(caught.value.__notes__)
    again = f"lab artefacts lock --artefacts {directory} --lock {lock_file}"
    assert again in caught.value.remedy
    assert changed.exists()


def test_what_a_directory_lost_is_missing_when_asked_for(directory: Path, lock_file: Path) -> None:
    (directory / "bin" / "kubeadm").unlink()

    built = load_artefacts(lock_file, directory)

    assert built.path("kubelet").is_file()
    with pytest.raises(ArtefactError, match=f"kubeadm v1.36.2 is not in {directory}"):
        built.path("kubeadm")
    with pytest.raises(ArtefactError, match="names no containerd") as caught:
        built.path("containerd")
    assert f"put it into {directory}" in caught.value.remedy


def test_a_local_lock_wants_its_directory(directory: Path, lock_file: Path) -> None:
    assert directory.is_dir()

    with pytest.raises(ArtefactError, match="the lock of a directory") as caught:
        load_artefacts(lock_file)

    assert "--artefacts DIR" in caught.value.remedy


def test_a_directory_wants_its_own_lock(official: Artefacts, tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="is upstream's lock") as caught:
        load_artefacts(official.lock_file, tmp_path)

    assert f"lab artefacts lock --artefacts {tmp_path}" in caught.value.remedy


def test_where_there_is_no_lock_the_command_is_named() -> None:
    """The repository may hold none: locking takes the internet."""
    if lock.LOCK_FILE.exists():
        assert msgspec.toml.decode(lock.LOCK_FILE.read_bytes())["official"] is True
    else:
        with pytest.raises(ArtefactError, match="there is no lock") as caught:
            load_artefacts()
        assert "`lab artefacts lock`" in caught.value.remedy
