"""OCI archives: one image in one tar, the same bytes each time, and what such a tar says."""

from __future__ import annotations

import hashlib
import json
import tarfile
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from lab import files
from lab.cluster.artefacts import references
from lab.cluster.artefacts.skopeo import DIGEST
from lab.decode import DecodeError, json_as
from lab.errors import ArtefactError

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
CONTAINERD_NAME = "io.containerd.image.name"
OCI_NAME = "org.opencontainers.image.ref.name"
INDEX_LIMIT_BYTES = 1 << 20
FORM_REMEDY = "write it with `skopeo copy SOURCE oci-archive:FILE:REGISTRY/NAME:TAG`"


@dataclass(frozen=True, slots=True)
class Described:
    """What an archive says it holds."""

    reference: str
    digest: str


class _Descriptor(msgspec.Struct, frozen=True):
    digest: str
    annotations: dict[str, str] = {}


class _Manifest(msgspec.Struct, frozen=True):
    config: _Descriptor
    layers: tuple[_Descriptor, ...]
    media_type: str = msgspec.field(name="mediaType", default=MANIFEST_TYPE)


class _Index(msgspec.Struct, frozen=True):
    manifests: tuple[_Descriptor, ...]


def pack(directory: Path, target: Path, *, reference: str, digest: str) -> None:
    """
    Make an archive of an image that ``skopeo copy`` has put in *directory* (``dir:``).

    The manifest goes in as the registry has it, be it of OCI's kind or of Docker's: containerd
    imports both, and the image keeps its digest.

    Raises:
        ArtefactError: if the files there are not the image of that digest.
    """
    manifest = (directory / "manifest.json").read_bytes()
    _same(digest, hashlib.sha256(manifest).hexdigest(), reference)
    content = _decoded(manifest, _Manifest, name=f"the manifest of {reference}")
    blobs = {descriptor.digest for descriptor in (content.config, *content.layers)}
    with tarfile.open(target, "w:", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        index = _index(reference, digest, content.media_type, len(manifest))
        _add(archive, "index.json", index)
        _add(archive, _blob_name(digest), manifest)
        for blob in sorted(blobs):
            name = _blob_name(blob)
            path = directory / name.rpartition("/")[2]
            _same(blob, files.sha256(path), reference)
            with path.open("rb") as stream:
                archive.addfile(_member(name, path.stat().st_size), stream)


def describe(path: Path) -> Described:
    """
    Read from an archive which image it holds.

    Raises:
        ArtefactError: if it is no OCI archive of one image with its whole reference.
    """
    index = _decoded(_index_of(path), _Index, name=f"{path}: index.json")
    if len(index.manifests) != 1:
        problem = f"{path} holds {len(index.manifests)} images, not one"
        raise ArtefactError(problem, remedy=FORM_REMEDY)
    (manifest,) = index.manifests
    names = (manifest.annotations.get(key, "") for key in (CONTAINERD_NAME, OCI_NAME))
    reference = next((name for name in names if references.REFERENCE.fullmatch(name)), None)
    if reference is None:
        problem = f"{path} does not say its image's registry, name and tag"
        raise ArtefactError(problem, remedy=FORM_REMEDY)
    return Described(reference, manifest.digest)


def _index_of(path: Path) -> bytes:
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                if member.name.removeprefix("./") == "index.json" and member.isreg():
                    stream = archive.extractfile(member)
                    return stream.read(INDEX_LIMIT_BYTES) if stream else b""
    except tarfile.TarError as error:
        raise ArtefactError(f"{path} is no tar archive: {error}", remedy=FORM_REMEDY) from error
    raise ArtefactError(f"{path} is no OCI archive: it has no index.json", remedy=FORM_REMEDY)


def _decoded(raw: bytes, kind: type[T], *, name: str) -> T:
    try:
        return json_as(raw, kind)
    except DecodeError as error:
        raise ArtefactError(f"{name} is damaged: {error}", remedy=FORM_REMEDY) from error


def _same(digest: str, found: str, reference: str) -> None:
    if digest != f"sha256:{found}":
        remedy = "run `lab artefacts fetch` again"
        problem = f"a part of {reference} has the digest sha256:{found} instead of {digest}"
        raise ArtefactError(problem, remedy=remedy)


def _blob_name(digest: str) -> str:
    if not DIGEST.fullmatch(digest):
        problem = f"{digest!r} is no digest by SHA-256"
        raise ArtefactError(problem, remedy="choose another version in artefacts.toml")
    return "blobs/" + digest.replace(":", "/")


def _index(reference: str, digest: str, media_type: str, size: int) -> bytes:
    _, tag = references.split(reference)
    annotations = {CONTAINERD_NAME: reference, OCI_NAME: tag}
    manifest = {
        "mediaType": media_type,
        "digest": digest,
        "size": size,
        "annotations": annotations,
    }
    return _json({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [manifest]})


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    archive.addfile(_member(name, len(data)), BytesIO(data))


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)  # without a date or an owner
    member.size = size
    return member
