"""An artefact, and the lock that names all of them: what was found upstream, to the byte."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Annotated

import msgspec

UNPINNED = "to be pinned on first fetch"
"""What stands for the source of a sum that nobody has published and nobody has taken yet."""

Name = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*(/[A-Za-z0-9][A-Za-z0-9._:-]*)*\Z")
]
"""Each part begins with a letter or a digit: a name never leads out of a folder."""
Version = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+_-]*\Z")]
Address = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(https://|http://127\.0\.0\.1[:/]|docker://"
        r"|(bin|images|manifests|kata)/[A-Za-z0-9][A-Za-z0-9._+-]*\Z)[!-~]*\Z"
    ),
]
"""Upstream's, or the path in a directory of locally built artefacts; never a plain ``http``."""
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Digest = Annotated[str, msgspec.Meta(pattern=r"^sha256:[0-9a-f]{64}\Z")]
Member = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9.-]*(/[a-z0-9][a-z0-9.-]*)*\Z")]
SumSource = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^(published at [!-~]+|pinned on first fetch \d{{4}}-\d\d-\d\d"
        rf"|taken locally \d{{4}}-\d\d-\d\d|{UNPINNED})\Z"
    ),
]


class Kind(StrEnum):
    """What an artefact is, and so what is done with it."""

    BINARY = "binary"
    """One program."""
    ARCHIVE = "archive"
    """A compressed tar of programs."""
    MANIFEST = "manifest"
    """YAML for ``kubectl apply``."""
    IMAGE = "image"
    """An OCI archive of one container image for one platform."""
    KATA = "kata"
    """A tar of Kata Containers, compressed by zstd, as upstream releases it."""


class Artefact(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """
    One file.

    Attributes:
        name: A container image's is its reference, tag and all.
        size: In bytes; None while the sum is not known.
        sha256: Of the file; None until the first fetch where upstream publishes none.
        source: Where the sum is from; it is called ``sum`` in the lock.
        digest: Of a container image only: the digest of its manifest, as the registry has it.
        member: The program inside, where upstream packs it into a compressed tar.
    """

    name: Name
    kind: Kind
    version: Version
    address: Address
    digest: Digest | None = None
    member: Member | None = None
    size: Annotated[int, msgspec.Meta(gt=0)] | None = None
    sha256: Sha256 | None = None
    source: SumSource = msgspec.field(name="sum")

    def __post_init__(self) -> None:
        if (self.sha256 is None) != (self.source == UNPINNED):
            raise ValueError(f"{self.name}: {self.source!r} goes with no such sha256")
        if self.sha256 is not None and self.size is None:
            raise ValueError(f"{self.name} has a sha256 and lacks its size")
        if (self.digest is None) != (self.kind is not Kind.IMAGE):
            raise ValueError(f"{self.name}: an image has a digest, and nothing else has")

    @property
    def key(self) -> tuple[str, str]:
        """What no other artefact of a lock has: two versions of one name may stand in it."""
        return self.name, self.version

    def __str__(self) -> str:
        return self.name if self.kind is Kind.IMAGE else f"{self.name} {self.version}"


class Lock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    All artefacts, in the order in which they are wanted.

    Attributes:
        is_official: Whether they are upstream's; otherwise they were built locally.
    """

    is_official: bool = msgspec.field(name="official")
    artefacts: tuple[Artefact, ...] = msgspec.field(name="artefact")

    def __post_init__(self) -> None:
        keys = [artefact.key for artefact in self.artefacts]
        if doubled := {key for key in keys if keys.count(key) > 1}:
            raise ValueError(f"more than once: {', '.join(' '.join(key) for key in doubled)}")
        for artefact in self.artefacts:
            if self.is_official != ("://" in artefact.address):
                raise ValueError(f"{artefact.name}: {artefact.address} is in the wrong lock")

    @property
    def digest(self) -> str:
        """
        A name for everything that the artefacts are.

        Where they are from and when they were pinned is left out: two machines that pinned
        the same files on different days have the same artefacts.
        """
        content = [
            (one.name, one.kind, one.version, one.digest, one.sha256)
            for one in sorted(self.artefacts, key=lambda one: one.key)
        ]
        return hashlib.sha256(msgspec.json.encode((self.is_official, content))).hexdigest()

    @property
    def unpinned(self) -> tuple[Artefact, ...]:
        """Those whose sum is not known yet."""
        return tuple(artefact for artefact in self.artefacts if artefact.sha256 is None)

    def of(self, kind: Kind) -> tuple[Artefact, ...]:
        """Return the artefacts of one kind."""
        return tuple(artefact for artefact in self.artefacts if artefact.kind is kind)

    def find(self, name: str, version: str | None = None) -> Artefact | None:
        """Return the artefact of that name; without a version, the first."""
        for artefact in self.artefacts:
            if artefact.name == name and version in (None, artefact.version):
                return artefact
        return None

    def with_artefact(self, changed: Artefact) -> Lock:
        """Return a lock with *changed* in the place of the artefact of its name and version."""
        artefacts = (changed if one.key == changed.key else one for one in self.artefacts)
        return msgspec.structs.replace(self, artefacts=tuple(artefacts))
