"""The workload's archive: whole by its own digests, and the same each time."""

from __future__ import annotations

import hashlib
import json
import tarfile
from typing import TYPE_CHECKING, Any

from lab.image import oci

if TYPE_CHECKING:
    from pathlib import Path


def written(directory: Path) -> tuple[Path, str, str]:
    directory.mkdir()
    layer, target = directory / "layer.tar", directory / "image.tar"
    layer.write_bytes(b"a root file system" * 1000)
    reference, digest = oci.write_archive(layer, target, name="lab.local/workload")
    return target, reference, digest


def test_two_archives_of_one_layer_are_the_same(tmp_path: Path) -> None:
    first, second = written(tmp_path / "a"), written(tmp_path / "b")

    assert first[0].read_bytes() == second[0].read_bytes()
    assert first[1:] == second[1:]


def test_every_blob_has_its_digest_for_a_name(tmp_path: Path) -> None:
    with tarfile.open(written(tmp_path / "a")[0]) as archive:
        blobs = [info for info in archive if info.name.startswith("blobs/sha256/")]
        for info in blobs:
            stream = archive.extractfile(info)
            assert stream is not None
            assert hashlib.sha256(stream.read()).hexdigest() == info.name.rpartition("/")[2]

    assert len(blobs) == 3


def test_the_index_leads_to_the_layer_and_names_the_image(tmp_path: Path) -> None:
    path, reference, digest = written(tmp_path / "a")
    with tarfile.open(path) as archive:

        def read(name: str) -> Any:  # noqa: ANN401 - whatever the document holds
            stream = archive.extractfile(name)
            assert stream is not None
            return json.load(stream)

        entry = read("index.json")["manifests"][0]
        manifest = read(f"blobs/sha256/{entry['digest'].removeprefix('sha256:')}")
        config = read(f"blobs/sha256/{manifest['config']['digest'].removeprefix('sha256:')}")

    assert entry["annotations"]["io.containerd.image.name"] == reference
    assert reference == f"lab.local/workload:{manifest['layers'][0]['digest'][7:19]}"
    assert config["rootfs"]["diff_ids"] == [manifest["layers"][0]["digest"]]
    assert digest in config["rootfs"]["diff_ids"][0]
