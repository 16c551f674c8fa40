"""The lock as a file: what is written is read back, and damage is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.cluster.artefacts import lock
from lab.cluster.artefacts.artefact import UNPINNED, Kind, Lock
from lab.errors import ArtefactError
from tests.cluster.artefacts.test_artefact import A, artefact

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = artefact(
    name="registry.k8s.io/pause:3.10.2",
    kind=Kind.IMAGE,
    version="3.10.2",
    address=f"docker://registry.k8s.io/pause@sha256:{A}",
    digest=f"sha256:{A}",
    size=None,
    sha256=None,
    source=UNPINNED,
)
WHOLE = Lock(is_official=True, artefacts=(artefact(), artefact(name="crictl", member="c"), IMAGE))
LOCAL = Lock(
    is_official=False,
    artefacts=(artefact(address="bin/kubeadm", source="taken locally 2026-11-24"),),
)


@pytest.mark.parametrize("known", [WHOLE, LOCAL, Lock(is_official=True, artefacts=())])
def test_what_is_written_is_read_back(lock_file: Path, known: Lock) -> None:
    lock.write(lock_file, known)

    assert lock.load(lock_file) == known


def test_a_file_is_a_few_lines() -> None:
    assert lock.render(LOCAL).splitlines()[2:] == [
        "official = false",
        "",
        "[[artefact]]",
        'name = "kubeadm"',
        'kind = "binary"',
        'version = "v1"',
        'address = "bin/kubeadm"',
        "size = 7",
        f'sha256 = "{A}"',
        'sum = "taken locally 2026-11-24"',
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("size = 7", "size = -7", "size"),
        ("size = 7", "", "lacks its size"),
        ('kind = "binary"', 'kind = "binry"', "binry"),
        ("official", "oficial", "oficial"),
        ('"crictl"', '"kubeadm"', "more than once"),
        ('https://dl.k8s.io/kubeadm"', 'bin/kubeadm"', "wrong lock"),
        ("official = true", "official = ", "damaged"),
    ],
)
def test_damage_is_named(lock_file: Path, old: str, new: str, said: str) -> None:
    lock_file.write_text(lock.render(WHOLE).replace(old, new))

    with pytest.raises(ArtefactError, match=said) as caught:
        lock.load(lock_file)

    assert "lab artefacts lock" in caught.value.remedy


def test_what_is_no_text_is_damaged(lock_file: Path) -> None:
    lock_file.write_bytes(b"\xff\xfe")

    with pytest.raises(ArtefactError, match="damaged"):
        lock.load(lock_file)


def test_a_missing_lock_names_the_command_that_makes_it(lock_file: Path) -> None:
    with pytest.raises(ArtefactError, match="there is no lock") as caught:
        lock.load(lock_file)

    assert f"`lab artefacts lock --lock {lock_file}`" in caught.value.remedy


def test_the_labs_own_lock_needs_no_naming() -> None:
    assert lock.command("fetch", lock.LOCK_FILE) == "lab artefacts fetch"


def test_the_lock_of_a_directory_is_not_upstreams(lock_file: Path) -> None:
    lock.write(lock_file, LOCAL)

    with pytest.raises(ArtefactError, match="the lock of a directory"):
        lock.load_official(lock_file)
