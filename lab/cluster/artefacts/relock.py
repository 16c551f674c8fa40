"""Locking: from what is wanted to what upstream has, by asking and with few downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lab.cluster.artefacts import cache, lock, published, references, skopeo, wanted
from lab.cluster.artefacts.artefact import UNPINNED, Artefact, Kind, Lock
from lab.cluster.artefacts.download import size_of
from lab.cluster.artefacts.fetch import into_cache
from lab.errors import ArtefactError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lab.cluster.artefacts.fetch import Say
    from lab.cluster.artefacts.wanted import Line, Wanted

NOTHING = Lock(is_official=True, artefacts=())


def relock(path: Path = lock.LOCK_FILE, *, want: Wanted | None = None, say: Say) -> Lock:
    """
    Lock what upstream has of what is wanted; what was pinned before stays pinned.

    Only what names container images is downloaded: kubeadm, e2e.test and the manifests.

    Raises:
        ArtefactError: if something is not there, or upstream has replaced what was locked.
    """
    skopeo.require()
    want = want or wanted.load()
    with cache.opened():
        old = lock.load_official(path) if path.exists() else NOTHING
        files = [_asked(line, want, old) for line in want.lines]
        named: list[str] = []
        for index, artefact in enumerate(files):
            if _names_images(artefact):
                files[index] = _fetched(artefact, say)
                named += _images_of(files[index])
        new = Lock(is_official=True, artefacts=(*files, *_images(named, old, say)))
        lock.write(path, new)
    return new


def _asked(line: Line, want: Wanted, old: Lock) -> Artefact:
    """Ask upstream for the size and the sum of a file."""
    source = want.source(line)
    found = Artefact(
        name=line.name,
        kind=source.kind,
        version=line.version,
        address=source.address,
        member=source.member,
        size=size_of(source.address),
        source=UNPINNED,
    )
    known = _pinned(found, old)
    if source.sum is None:
        return known or found
    sha256 = published.sha256(source.sum, file=source.address.rpartition("/")[2])
    if known and known.sha256 != sha256:
        problem = (
            f"upstream has replaced {found}\n"
            f"  locked: {known.sha256} ({known.source})\n"
            f"  now:    {sha256} (published at {source.sum})"
        )
        remedy = "if its maintainers say why, delete its lines in the lock and run this again"
        raise ArtefactError(problem, remedy=remedy)
    return msgspec.structs.replace(found, sha256=sha256, source=f"published at {source.sum}")


def _pinned(found: Artefact, old: Lock) -> Artefact | None:
    """Return what the old lock has pinned for the same address."""
    known = old.find(*found.key)
    if known is None or known.sha256 is None or known.address != found.address:
        return None
    return msgspec.structs.replace(known, member=found.member)


def _names_images(artefact: Artefact) -> bool:
    return artefact.name in {"kubeadm", "e2e.test"} or artefact.kind is Kind.MANIFEST


def _fetched(artefact: Artefact, say: Say) -> Artefact:
    """Have *artefact* in the cache for sure: it is about to be run, or believed."""
    if cache.has(artefact):
        cache.check(cache.path_of(artefact), artefact)
        return artefact
    return into_cache(artefact, say=say)


def _images_of(artefact: Artefact) -> tuple[str, ...]:
    path = cache.path_of(artefact)
    if artefact.kind is Kind.MANIFEST:
        text = path.read_text(encoding="utf-8", errors="replace")
        return references.of_manifest(text, name=str(artefact))
    if artefact.name == "e2e.test":
        return references.of_e2e(cache.program(artefact))
    return references.of_kubeadm(path, artefact.version)


def _images(wanted_references: Iterable[str], old: Lock, say: Say) -> list[Artefact]:
    images = []
    for reference in dict.fromkeys(wanted_references):
        say(f"asking for {reference}")
        name, tag = references.split(reference)
        digest = skopeo.digest_of(reference)
        known = old.find(reference, tag)
        images.append(
            known
            if known and known.digest == digest
            else Artefact(
                name=reference,
                kind=Kind.IMAGE,
                version=tag,
                address=f"docker://{name}@{digest}",
                digest=digest,
                source=UNPINNED,
            )
        )
    return images
