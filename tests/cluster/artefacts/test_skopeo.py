"""What skopeo is asked, and what of its answers is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.cluster.artefacts import skopeo
from lab.errors import ArtefactError, CommandError, HostError
from tests.cluster.artefacts.upstream import PAUSE, Registry, listed

if TYPE_CHECKING:
    from pathlib import Path


def test_of_many_platforms_ours_is_taken(registry: Registry) -> None:
    digest = registry.put(PAUSE)

    assert skopeo.digest_of(PAUSE) == digest
    assert registry.asked == [f"inspect --raw docker://{PAUSE}"]


def test_an_image_for_one_platform_has_its_own_digest(registry: Registry) -> None:
    digest = registry.put(PAUSE, is_listed=False)

    assert skopeo.digest_of(PAUSE) == digest
    assert registry.asked[1] == f"inspect --no-tags --format {{{{.Digest}}}} docker://{PAUSE}"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (listed("sha256:1"), "not there for linux on amd64"),
        (listed("sha256:" + "0" * 64, architecture="arm64"), "not there for linux on amd64"),
        ({"manifests": []}, "not there for linux on amd64"),
        ([], "is no manifest"),
        (None, "is no manifest"),
    ],
)
def test_what_is_not_for_us_is_refused(registry: Registry, answer: object, said: str) -> None:
    registry.raw(PAUSE, answer)

    with pytest.raises(ArtefactError, match=said):
        skopeo.digest_of(PAUSE)


def test_what_is_no_json_is_refused(registry: Registry) -> None:
    registry.raw(PAUSE, "")
    (path,) = (registry.home / "raw").iterdir()
    path.write_text("<html>")

    with pytest.raises(ArtefactError, match="is no manifest") as caught:
        skopeo.digest_of(PAUSE)

    assert f"skopeo inspect --raw docker://{PAUSE}" in caught.value.remedy


def test_an_image_is_copied_by_digest(registry: Registry, tmp_path: Path) -> None:
    digest = registry.put(PAUSE)
    target = tmp_path / "target"
    target.mkdir()

    skopeo.copy(PAUSE, digest, target)

    source = f"docker://registry.k8s.io/pause@{digest}"
    assert registry.asked == [f"copy --quiet --preserve-digests {source} dir:{target}"]
    assert (target / "manifest.json").exists()


@pytest.mark.usefixtures("registry")
def test_the_registrys_refusal_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="status 1") as caught:
        skopeo.copy(PAUSE, "sha256:0", tmp_path)

    assert "manifest unknown" in "".join(caught.value.__notes__)


@pytest.mark.usefixtures("registry")
def test_skopeo_is_there() -> None:
    skopeo.require()


def test_without_skopeo_there_is_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(HostError, match="skopeo") as caught:
        skopeo.require()

    assert "apt-get install skopeo" in caught.value.remedy
    assert "lab artefacts import" in caught.value.remedy
