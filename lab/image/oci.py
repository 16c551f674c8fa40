"""An image in the Open Container Initiative's layout, byte for byte the same each time."""

from __future__ import annotations

import hashlib
import json
import tarfile
from io import BytesIO
from typing import TYPE_CHECKING

from lab import files

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = "application/vnd.oci.image"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def write_archive(layer: Path, target: Path, *, name: str) -> tuple[str, str]:
    """
    Write the archive *target* of an image whose only layer is the tar file *layer*.

    The layer is left uncompressed: in an emulated node, inflating it takes longer than
    reading it. Format: github.com/opencontainers/image-spec, version 1.1.

    Args:
        name: The image's name without a tag; the tag is the start of the layer's digest.

    Returns:
        The reference under which ``ctr images import`` will know the image, and the digest
        of its layer, which containerd gives to the layer's snapshot as its name.
    """
    digest = files.sha256(layer)
    reference = f"{name}:{digest[:12]}"
    config = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Env": [f"PATH={PATH}"], "Cmd": ["/bin/sh"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": f"{IMAGE}.manifest.v1+json",
            "config": _descriptor(f"{IMAGE}.config.v1+json", config),
            "layers": [
                {
                    "mediaType": f"{IMAGE}.layer.v1.tar",
                    "digest": f"sha256:{digest}",
                    "size": layer.stat().st_size,
                }
            ],
        }
    )
    entry = {
        **_descriptor(f"{IMAGE}.manifest.v1+json", manifest),
        "annotations": {
            "io.containerd.image.name": reference,
            "org.opencontainers.image.ref.name": digest[:12],
        },
    }
    index = _json({"schemaVersion": 2, "mediaType": f"{IMAGE}.index.v1+json", "manifests": [entry]})
    with tarfile.open(target, "w:", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(archive, "index.json", index)
        for blob in (manifest, config):
            _add(archive, f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}", blob)
        with layer.open("rb") as stream:
            archive.addfile(_member(f"blobs/sha256/{digest}", layer.stat().st_size), stream)
    return reference, f"sha256:{digest}"


def _descriptor(media_type: str, blob: bytes) -> dict[str, str | int]:
    digest = hashlib.sha256(blob).hexdigest()
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(blob)}


def _json(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    archive.addfile(_member(name, len(data)), BytesIO(data))


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member
