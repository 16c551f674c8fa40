"""Container images from their registries, by digest: what the lab needs of skopeo."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import msgspec

from lab.cluster.artefacts import references
from lab.command import run
from lab.decode import DecodeError, json_as
from lab.errors import ArtefactError, HostError

if TYPE_CHECKING:
    from pathlib import Path

INSPECT_TIMEOUT_S = 120.0
COPY_TIMEOUT_S = 3600.0
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class _Platform(msgspec.Struct, frozen=True):
    os: str = ""
    architecture: str = ""


OURS = _Platform("linux", "amd64")


class _Manifest(msgspec.Struct, frozen=True):
    digest: str
    platform: _Platform = _Platform()


class _Document(msgspec.Struct, frozen=True):
    """A manifest, or the list of those for several platforms."""

    manifests: tuple[_Manifest, ...] | None = None


def require() -> None:
    """
    Ask whether skopeo is there.

    Raises:
        HostError: if it is not.
    """
    if shutil.which("skopeo") is None:
        remedy = "run `apt-get install skopeo`, or `lab artefacts import` a bundle made elsewhere"
        raise HostError("skopeo, which fetches container images, is not installed", remedy=remedy)


def digest_of(reference: str) -> str:
    """
    Ask the registry for the digest of an image's manifest, for the platform of the nodes.

    Of an image for many platforms that is not the digest which people quote: that one is the
    digest of the list of platforms.

    Raises:
        ArtefactError: if there is none for this platform.
        CommandError: if the registry does not answer.
    """
    source = f"docker://{reference}"
    raw = run(("skopeo", "inspect", "--raw", source), timeout_s=INSPECT_TIMEOUT_S).stdout
    manifests = _document(raw, reference).manifests
    if manifests is None:
        argv = ("skopeo", "inspect", "--no-tags", "--format", "{{.Digest}}", source)
        found = run(argv, timeout_s=INSPECT_TIMEOUT_S).stdout.strip()
    else:
        found = next((one.digest for one in manifests if one.platform == OURS), "")
    if not DIGEST.fullmatch(found):
        remedy = "choose another version in artefacts.toml"
        raise ArtefactError(f"{reference} is not there for linux on amd64", remedy=remedy)
    return found


def copy(reference: str, digest: str, directory: Path) -> None:
    """
    Get an image into the empty *directory* as it is: its manifest, and a file for each blob.

    ``dir:`` and not ``oci-archive:``, because that one rewrites manifests of Docker's kind, which
    changes the digest that is to be found again on a node, and dates its files.

    Raises:
        CommandError: if the registry lacks it, or sends anything else.
    """
    name, _ = references.split(reference)
    source = f"docker://{name}@{digest}"
    argv = ("skopeo", "copy", "--quiet", "--preserve-digests", source, f"dir:{directory}")
    run(argv, timeout_s=COPY_TIMEOUT_S)


def _document(raw: str, reference: str) -> _Document:
    try:
        return json_as(raw, _Document)
    except DecodeError as error:
        remedy = f"look at it: skopeo inspect --raw docker://{reference}"
        problem = f"the registry's answer for {reference} is no manifest: {error}"
        raise ArtefactError(problem, remedy=remedy) from error
