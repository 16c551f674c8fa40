"""Locking: what upstream has, with the source of each sum; what was pinned stays pinned."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import pytest

from lab.cluster.artefacts import cache, lock
from lab.cluster.artefacts.artefact import UNPINNED, Kind
from lab.cluster.artefacts.fetch import fetch
from lab.cluster.artefacts.relock import relock
from lab.errors import ArtefactError, CommandError, HostError
from tests.cluster.artefacts.test_lock import LOCAL
from tests.cluster.artefacts.upstream import AGNHOST, MANIFEST, NODE, PAUSE, Registry, Upstream

if TYPE_CHECKING:
    from pathlib import Path

    from lab.cluster.artefacts.artefact import Artefact, Lock


def relocked(internet: Upstream, path: Path, said: list[str] | None = None) -> Lock:
    return relock(path, want=internet.wanted(), say=(said if said is not None else []).append)


def named(known: Lock, name: str) -> Artefact:
    found = known.find(name)
    assert found is not None
    return found


def test_all_that_is_wanted_is_locked(internet: Upstream, lock_file: Path) -> None:
    known = relocked(internet, lock_file)

    assert lock.load(lock_file) == known
    assert [one.name for one in known.artefacts] == [
        *("kubeadm", "kubelet", "kubectl", "crictl", "critest", "e2e.test"),
        *("containerd", "calico", "kata-go", "kata-rs", PAUSE, AGNHOST, NODE),
    ]
    assert known.is_official


def test_published_sums_are_locked_with_their_source(internet: Upstream, lock_file: Path) -> None:
    known = relocked(internet, lock_file)

    for name in ("kubelet", "crictl", "containerd"):
        one, content = named(known, name), internet.content(name)
        assert one.size == len(content)
        assert one.sha256 == hashlib.sha256(content).hexdigest()
        assert re.fullmatch(r"published at \S+\.sha256(sum)?", one.source)


def test_the_manifest_is_pinned_because_it_names_images(
    internet: Upstream, lock_file: Path, said: list[str]
) -> None:
    known = relocked(internet, lock_file, said)

    calico = named(known, "calico")
    assert calico.sha256 == hashlib.sha256(MANIFEST).hexdigest()
    assert calico.source == f"pinned on first fetch {datetime.now(UTC):%Y-%m-%d}"
    assert any(line.startswith("pinned calico v3.33.1") for line in said)
    assert cache.has(calico)
    assert cache.has(named(known, "kubeadm"))
    assert not cache.has(named(known, "kubelet"))


def test_what_has_no_published_sum_is_left_to_the_fetch(
    internet: Upstream, lock_file: Path
) -> None:
    known = relocked(internet, lock_file)

    assert {one.name for one in known.unpinned} == {"kata-go", "kata-rs", PAUSE, AGNHOST, NODE}
    kata = named(known, "kata-go")
    assert (kata.kind, kata.source) == (Kind.KATA, UNPINNED)
    assert kata.size == len(internet.content("kata-go"))


def test_images_are_locked_by_digest(
    internet: Upstream, registry: Registry, lock_file: Path
) -> None:
    digest = registry.put(NODE)

    node = named(relocked(internet, lock_file), NODE)

    assert node.digest == digest
    assert node.address == f"docker://quay.io/calico/node@{digest}"
    assert node.version == "v3.33.1"


def test_what_was_pinned_stays_pinned(internet: Upstream, lock_file: Path) -> None:
    relocked(internet, lock_file)
    pinned = fetch(lock_file, say=str)
    assert pinned.unpinned == ()
    internet.files[internet.path_of("kata-go")] += b"replaced"

    assert relocked(internet, lock_file) == pinned


def test_a_new_version_is_asked_for_anew(internet: Upstream, lock_file: Path) -> None:
    relocked(internet, lock_file)
    pinned = fetch(lock_file, say=str)
    want = internet.wanted()
    newer = tuple(
        msgspec.structs.replace(line, version="4.2.0") if line.name == "kata-rs" else line
        for line in want.lines
    )
    want = msgspec.structs.replace(want, lines=newer)
    address = want.source(next(line for line in newer if line.name == "kata-rs")).address
    internet.put(address.removeprefix(internet.url), b"new")

    known = relock(lock_file, want=want, say=str)

    assert named(known, "kata-rs").source == UNPINNED
    assert named(known, "kata-go") == named(pinned, "kata-go")


def test_an_image_that_moved_is_locked_anew(
    internet: Upstream, registry: Registry, lock_file: Path
) -> None:
    relocked(internet, lock_file)
    before = named(fetch(lock_file, say=str), PAUSE)
    digest = registry.put(PAUSE, kind="application/vnd.oci.image.manifest.v1+json")

    after = named(relocked(internet, lock_file), PAUSE)

    assert before.digest != after.digest == digest
    assert after.source == UNPINNED


def test_a_replaced_release_is_an_alarm(internet: Upstream, lock_file: Path) -> None:
    before = named(relocked(internet, lock_file), "kubelet").sha256
    path = internet.path_of("kubelet")
    internet.files[f"{path}.sha256"] = b"0" * 64

    with pytest.raises(ArtefactError, match="upstream has replaced kubelet") as caught:
        relocked(internet, lock_file)

    assert str(before) in caught.value.problem
    assert "0" * 64 in caught.value.problem
    assert named(lock.load(lock_file), "kubelet").sha256 == before


def test_a_version_that_is_not_there_is_named(internet: Upstream, lock_file: Path) -> None:
    del internet.files[internet.path_of("kata-rs")]

    with pytest.raises(ArtefactError, match=r"kata-static-4\.1\.0.*404 Not Found") as caught:
        relocked(internet, lock_file)

    assert "artefacts.toml" in caught.value.remedy
    assert not lock_file.exists()


def test_no_foreign_kubeadm_is_run(internet: Upstream, lock_file: Path, tmp_path: Path) -> None:
    proof = tmp_path / "it-ran"
    path = internet.path_of("kubeadm")
    internet.files[path] = f"#!/bin/sh\ntouch {proof}\n".encode()

    with pytest.raises(ArtefactError, match=r"kubeadm v1\.36\.4 has the wrong sum"):
        relocked(internet, lock_file)

    assert not proof.exists()


def test_no_damaged_kubeadm_is_run(
    internet: Upstream, lock_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kubeadm = cache.path_of(named(relocked(internet, lock_file), "kubeadm"))
    kubeadm.write_bytes(b"#!/bin/sh\n>it-ran\n".ljust(kubeadm.stat().st_size, b"#"))

    with pytest.raises(ArtefactError, match=r"kubeadm v1\.36\.4 has the wrong sum"):
        relocked(internet, lock_file)

    assert not (tmp_path / "it-ran").exists()
    assert not kubeadm.exists()


def test_an_image_that_no_registry_has_is_said(
    internet: Upstream, registry: Registry, lock_file: Path
) -> None:
    for path in (registry.home / "raw").iterdir():
        path.unlink()

    with pytest.raises(CommandError, match="skopeo"):
        relocked(internet, lock_file)


def test_the_lock_of_a_directory_is_not_overwritten(internet: Upstream, lock_file: Path) -> None:
    lock.write(lock_file, LOCAL)

    with pytest.raises(ArtefactError, match="the lock of a directory"):
        relocked(internet, lock_file)

    assert lock.load(lock_file) == LOCAL


def test_without_skopeo_nothing_is_begun(
    upstream: Upstream, lock_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(HostError, match="skopeo"):
        relock(lock_file, want=upstream.wanted(), say=str)

    assert upstream.asked == []
