"""Fetching: what is locked is in the cache afterwards, or one error says why it is not."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from lab.cluster.artefacts import cache, lock, oci
from lab.cluster.artefacts.artefact import Kind
from lab.cluster.artefacts.fetch import fetch
from lab.errors import ArtefactError, HostError
from tests.cluster.artefacts.test_lock import LOCAL
from tests.cluster.artefacts.test_relock import named, relocked
from tests.cluster.artefacts.upstream import NODE, PAUSE, Registry, Upstream

if TYPE_CHECKING:
    from pathlib import Path

    from lab.cluster.artefacts.artefact import Lock

PINNED_TODAY = f"pinned on first fetch {datetime.now(UTC):%Y-%m-%d}"


@pytest.fixture
def locked(internet: Upstream, lock_file: Path) -> Lock:
    """A lock as `lab artefacts lock` leaves it."""
    known = relocked(internet, lock_file)
    internet.asked.clear()
    return known


def lock_and_fetch(internet: Upstream, lock_file: Path) -> None:
    relocked(internet, lock_file)
    fetch(lock_file, say=str)


def test_everything_is_in_the_cache(locked: Lock, internet: Upstream, lock_file: Path) -> None:
    known = fetch(lock_file, say=str)

    assert all(cache.has(artefact) for artefact in known.artefacts)
    assert [one.key for one in known.artefacts] == [one.key for one in locked.artefacts]
    for artefact in known.artefacts:
        if artefact.kind is not Kind.IMAGE:
            assert cache.path_of(artefact).read_bytes() == internet.content(artefact.name)


@pytest.mark.usefixtures("locked")
def test_what_nobody_vouches_for_is_pinned_and_said(
    internet: Upstream, lock_file: Path, said: list[str]
) -> None:
    known = fetch(lock_file, say=said.append)

    assert known.unpinned == ()
    assert lock.load(lock_file) == known
    kata = named(known, "kata-go")
    assert kata.sha256 == hashlib.sha256(internet.content("kata-go")).hexdigest()
    assert kata.source == PINNED_TODAY
    assert f"pinned kata-go 3.28.0, which has no published sum: sha256 {kata.sha256}" in said
    assert any(line.startswith("fetching kubelet v1.36.4 (") for line in said)


@pytest.mark.usefixtures("locked")
def test_images_are_archives_under_their_digest(lock_file: Path) -> None:
    known = fetch(lock_file, say=str)

    for reference in (PAUSE, NODE):
        image = named(known, reference)
        assert image.source == PINNED_TODAY
        assert oci.describe(cache.path_of(image)) == oci.Described(reference, str(image.digest))


@pytest.mark.usefixtures("locked")
def test_what_is_there_is_not_fetched_again(
    internet: Upstream, registry: Registry, lock_file: Path, said: list[str]
) -> None:
    known = fetch(lock_file, say=str)
    internet.asked.clear()
    copied = registry.asked

    assert fetch(lock_file, say=said.append) == known
    assert (said, internet.asked, registry.asked) == ([], [], copied)


@pytest.mark.usefixtures("locked")
def test_a_lost_image_comes_back_the_same(lock_file: Path) -> None:
    known = fetch(lock_file, say=str)
    cache.path_of(named(known, PAUSE)).unlink()

    assert fetch(lock_file, say=str) == known
    assert cache.has(named(known, PAUSE))


def test_a_wrong_sum_is_refused_and_deleted(
    locked: Lock, internet: Upstream, lock_file: Path, home: Path
) -> None:
    path = internet.path_of("kubelet")
    internet.files[path] = bad = internet.files[path].swapcase()

    with pytest.raises(ArtefactError, match=r"kubelet v1\.36\.4 has the wrong sum") as caught:
        fetch(lock_file, say=str)

    assert str(named(locked, "kubelet").sha256) in caught.value.problem
    assert hashlib.sha256(bad).hexdigest() in caught.value.problem
    kept = (one for one in (home / "artefacts").iterdir() if one.is_file())
    assert bad not in {one.read_bytes() for one in kept}


@pytest.mark.usefixtures("locked")
def test_what_came_before_a_failure_is_kept(internet: Upstream, lock_file: Path) -> None:
    path = internet.path_of("kata-rs")
    internet.statuses[path] = 503
    with pytest.raises(ArtefactError, match="503"):
        fetch(lock_file, say=str)
    assert named(lock.load(lock_file), "kata-go").source == PINNED_TODAY
    internet.statuses.clear()
    internet.asked.clear()

    fetch(lock_file, say=str)

    assert internet.asked == [(path, None)]


@pytest.mark.usefixtures("locked")
def test_a_truncated_download_goes_on(internet: Upstream, lock_file: Path) -> None:
    path = internet.path_of("kubelet")
    internet.truncated[path] = 100
    with pytest.raises(ArtefactError, match="it ended after 100 of 7000 bytes"):
        fetch(lock_file, say=str)
    internet.truncated.clear()

    known = fetch(lock_file, say=str)

    assert (path, "bytes=100-") in internet.asked
    assert cache.has(named(known, "kubelet"))


@pytest.mark.usefixtures("locked")
def test_a_truncated_download_without_a_sum_starts_again(
    internet: Upstream, lock_file: Path
) -> None:
    path = internet.path_of("kata-go")
    internet.truncated[path] = 5
    with pytest.raises(ArtefactError, match="it ended after 5 of"):
        fetch(lock_file, say=str)
    internet.truncated.clear()

    known = fetch(lock_file, say=str)

    assert {asked for name, asked in internet.asked if name == path} == {None}
    assert cache.has(named(known, "kata-go"))


@pytest.mark.parametrize("name", ["kata-go", "calico"])
def test_no_web_page_is_pinned(internet: Upstream, lock_file: Path, name: str) -> None:
    """What a captive portal or a moved address answers with is no artefact."""
    internet.files[internet.path_of(name)] = b"<html>log in first</html>"

    with pytest.raises(ArtefactError) as caught:
        lock_and_fetch(internet, lock_file)

    assert internet.path_of(name) in caught.value.problem
    assert "curl" in caught.value.remedy or "artefacts.toml" in caught.value.remedy
    assert not list(cache.home().glob(f"{cache.PART}*"))


@pytest.mark.usefixtures("locked")
def test_a_damaged_image_is_refused(registry: Registry, lock_file: Path) -> None:
    for directory in (registry.home / "images").iterdir():
        (directory / "manifest.json").write_text("{}")

    with pytest.raises(ArtefactError, match="a part of registry"):
        fetch(lock_file, say=str)

    assert not list(cache.home().glob(".staging*"))


@pytest.mark.usefixtures("locked")
def test_without_skopeo_nothing_is_begun(
    internet: Upstream, lock_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(HostError, match="skopeo"):
        fetch(lock_file, say=str)

    assert internet.asked == []


def test_what_lies_in_a_directory_is_not_fetched(lock_file: Path) -> None:
    lock.write(lock_file, LOCAL)

    with pytest.raises(ArtefactError, match="the lock of a directory"):
        fetch(lock_file, say=str)
