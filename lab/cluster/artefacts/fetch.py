"""Fetching: what the lock names goes into the cache; a sum that nobody publishes is pinned."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003
from typing import TYPE_CHECKING

import msgspec

from lab import files
from lab.cluster.artefacts import cache, lock, oci, references, skopeo
from lab.cluster.artefacts.artefact import Kind
from lab.cluster.artefacts.download import download, size_of
from lab.errors import ArtefactError
from lab.units import Unit, format_value

if TYPE_CHECKING:
    from lab.cluster.artefacts.artefact import Artefact, Lock

Say = Callable[[str], object]
ZSTD_MAGIC = bytes.fromhex("28b52ffd")


def fetch(path: Path = lock.LOCK_FILE, *, say: Say) -> Lock:
    """
    Put into the cache what the lock at *path* names and the cache lacks.

    Sums that were pinned on the way are written to the lock one by one, so that what an
    interrupted fetch has pinned stays pinned.

    Args:
        say: Told each step in a line.

    Raises:
        ArtefactError: if one cannot be had, or is not what is locked. What came before is kept.
    """
    with cache.opened():
        known = lock.load_official(path)
        missing = [artefact for artefact in known.artefacts if not cache.has(artefact)]
        if any(artefact.kind is Kind.IMAGE for artefact in missing):
            skopeo.require()
        for artefact in missing:
            fetched = into_cache(artefact, say=say)
            if fetched != artefact:
                known = known.with_artefact(fetched)
                lock.write(path, known)
    return known


def into_cache(artefact: Artefact, *, say: Say) -> Artefact:
    """
    Put one artefact into the cache, which is open; return it with its sum.

    Raises:
        ArtefactError: if it cannot be had, or is not what is locked.
    """
    size = f" ({format_value(artefact.size, Unit.BYTE)})" if artefact.size else ""
    say(f"fetching {artefact}{size}")
    part = cache.part_of(artefact)
    if artefact.digest is not None:
        _fetch_image(artefact.name, artefact.digest, part)
    else:
        expected = artefact.size or size_of(artefact.address)
        download(artefact.address, part, size=expected, resume=artefact.sha256 is not None)
    if artefact.sha256 is None:
        artefact = _pinned(artefact, part)
        say(f"pinned {artefact}, which has no published sum: sha256 {artefact.sha256}")
    cache.admit(part, artefact)
    return artefact


def _fetch_image(reference: str, digest: str, part: Path) -> None:
    with cache.staging() as directory:
        skopeo.copy(reference, digest, directory)
        oci.pack(directory, part, reference=reference, digest=digest)


def _pinned(artefact: Artefact, path: Path) -> Artefact:
    """Return *artefact* with the sum of the file *path*, if that file can be it."""
    try:
        _examine(artefact, path)
    except ArtefactError:
        path.unlink()
        raise
    return msgspec.structs.replace(
        artefact,
        size=path.stat().st_size,
        sha256=files.sha256(path),
        source=f"pinned on first fetch {datetime.now(UTC):%Y-%m-%d}",
    )


def _examine(artefact: Artefact, path: Path) -> None:
    """Let no web page be pinned in the place of a file."""
    if artefact.kind is Kind.MANIFEST:
        text = path.read_text(encoding="utf-8", errors="replace")
        references.of_manifest(text, name=artefact.address)
    if artefact.kind is Kind.KATA:
        with path.open("rb") as stream:
            if stream.read(len(ZSTD_MAGIC)) == ZSTD_MAGIC:
                return
        remedy = f"look at what is there: curl --location {artefact.address} | file -"
        raise ArtefactError(f"{artefact.address} is no archive by zstd", remedy=remedy)
