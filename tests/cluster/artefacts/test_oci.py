"""OCI archives: the registry's image under its own digest, the same bytes each time."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING

import pytest

from lab.cluster.artefacts import oci
from lab.errors import ArtefactError
from lab.image.oci import write_archive
from tests.cluster.artefacts.upstream import DOCKER, OCI, PAUSE, Registry, digest_of

if TYPE_CHECKING:
    from pathlib import Path


def image(registry: Registry, *, kind: str = DOCKER) -> tuple[str, Path]:
    """What skopeo would have copied: its digest, and where it is."""
    digest = registry.put(PAUSE, kind=kind)
    return digest, registry.home / "images" / digest.removeprefix("sha256:")


def tar(path: Path, **members: bytes | str | dict[str, object]) -> Path:
    """Write a tar of files; the names have dots where Python allows none."""
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            member = tarfile.TarInfo(name.replace("_", "."))
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


@pytest.mark.parametrize("kind", [DOCKER, OCI])
def test_an_image_keeps_its_digest_and_gets_its_name(
    registry: Registry, tmp_path: Path, kind: str
) -> None:
    digest, directory = image(registry, kind=kind)
    target = tmp_path / "pause.tar"

    oci.pack(directory, target, reference=PAUSE, digest=digest)

    assert oci.describe(target) == oci.Described(PAUSE, digest)
    with tarfile.open(target) as archive:
        contents = {one.name: archive.extractfile(one) for one in archive}
        index = json.loads((contents.pop("index.json") or io.BytesIO()).read())
        assert json.loads((contents.pop("oci-layout") or io.BytesIO()).read()) == {
            "imageLayoutVersion": "1.0.0"
        }
        for name, stream in contents.items():
            assert stream is not None
            assert name == "blobs/" + digest_of(stream.read()).replace(":", "/")
        assert len(contents) == 3
    (manifest,) = index["manifests"]
    assert manifest["mediaType"] == kind
    assert manifest["annotations"] == {
        "io.containerd.image.name": PAUSE,
        "org.opencontainers.image.ref.name": "3.10.2",
    }


def test_the_same_image_is_the_same_bytes(registry: Registry, tmp_path: Path) -> None:
    digest, directory = image(registry)
    one, two = tmp_path / "one.tar", tmp_path / "two.tar"

    oci.pack(directory, one, reference=PAUSE, digest=digest)
    (directory / "manifest.json").touch()
    oci.pack(directory, two, reference=PAUSE, digest=digest)

    assert one.read_bytes() == two.read_bytes()


def test_another_manifest_is_refused(registry: Registry, tmp_path: Path) -> None:
    digest, directory = image(registry)
    (directory / "manifest.json").write_text("{}")

    with pytest.raises(ArtefactError, match=f"instead of {digest}"):
        oci.pack(directory, tmp_path / "pause.tar", reference=PAUSE, digest=digest)


def test_another_layer_is_refused(registry: Registry, tmp_path: Path) -> None:
    digest, directory = image(registry)
    layer = max(directory.iterdir(), key=lambda path: path.stat().st_size)
    layer.write_bytes(b"evil")

    with pytest.raises(ArtefactError, match=r"a part of registry\.k8s\.io/pause:3\.10\.2 has the"):
        oci.pack(directory, tmp_path / "pause.tar", reference=PAUSE, digest=digest)


@pytest.mark.parametrize("name", ["../../../etc/passwd", "sha512:0", "sha256:../x"])
def test_no_digest_leads_elsewhere(tmp_path: Path, name: str) -> None:
    manifest = json.dumps({"config": {"digest": name}, "layers": []}).encode()
    (tmp_path / "manifest.json").write_bytes(manifest)

    with pytest.raises(ArtefactError, match="no digest by SHA-256"):
        oci.pack(tmp_path, tmp_path / "pause.tar", reference=PAUSE, digest=digest_of(manifest))


def test_what_is_no_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(b"[]")

    with pytest.raises(ArtefactError, match=r"the manifest of .* is damaged"):
        oci.pack(tmp_path, tmp_path / "t", reference=PAUSE, digest=digest_of(b"[]"))


def test_the_labs_own_archives_are_described(tmp_path: Path) -> None:
    (tmp_path / "layer.tar").write_bytes(b"layer")
    reference, _ = write_archive(tmp_path / "layer.tar", tmp_path / "w.tar", name="lab.local/w")

    assert oci.describe(tmp_path / "w.tar").reference == reference


def test_skopeos_own_archives_are_described(tmp_path: Path) -> None:
    """``skopeo copy SOURCE oci-archive:FILE:REFERENCE`` puts the whole reference there."""
    entry = {"digest": "sha256:1", "annotations": {oci.OCI_NAME: PAUSE}}
    path = tar(tmp_path / "pause.tar", index_json={"manifests": [entry]})

    assert oci.describe(path) == oci.Described(PAUSE, "sha256:1")


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"manifest_json": []}, "has no index.json"),
        ({"index_json": b"<html>"}, "index.json is damaged"),
        ({"index_json": []}, "index.json is damaged"),
        ({"index_json": {"manifests": []}}, "holds 0 images"),
        ({"index_json": {"manifests": [{"digest": "a"}, {"digest": "b"}]}}, "holds 2 images"),
        ({"index_json": {"manifests": [{"digest": "a"}]}}, "does not say"),
        (
            {"index_json": {"manifests": [{"digest": "a", "annotations": {oci.OCI_NAME: "3.10"}}]}},
            "does not say",
        ),
    ],
)
def test_what_does_not_describe_itself_is_refused(
    tmp_path: Path, members: dict[str, bytes | str | dict[str, object]], said: str
) -> None:
    with pytest.raises(ArtefactError, match=said) as caught:
        oci.describe(tar(tmp_path / "x.tar", **members))

    assert "oci-archive:FILE:REGISTRY/NAME:TAG" in caught.value.remedy


def test_what_is_no_tar_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"<html>")

    with pytest.raises(ArtefactError, match="is no tar archive"):
        oci.describe(tmp_path / "x.tar")
