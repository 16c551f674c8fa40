"""What is wanted: versions and addresses, as data that a user may edit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from lab.cluster.artefacts.artefact import Kind, Name, Version  # noqa: TC001 - msgspec reads them
from lab.decode import DecodeError, toml_as
from lab.errors import ArtefactError

WANTED_FILE = Path(__file__).parent.parent / "artefacts.toml"


SafeAddress = Annotated[str, msgspec.Meta(pattern=r"^(https://|http://127\.0\.0\.1[:/])[!-~]+\Z")]


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One artefact that is wanted."""

    name: Name
    version: Version
    origin: str = msgspec.field(name="from")

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    Where artefacts are from; in its texts ``{name}`` and ``{version}`` stand for theirs.

    Attributes:
        sum: Where upstream publishes the SHA-256, if it does.
        member: The program inside a compressed tar.
    """

    kind: Kind
    address: SafeAddress
    sum: SafeAddress | None = None
    member: str | None = None

    def __post_init__(self) -> None:
        for text in (self.address, self.sum, self.member):
            try:
                (text or "").format(name="", version="")
            except (LookupError, ValueError) as error:
                raise ValueError(f"{text!r} may hold {{name}} and {{version}} only") from error

    def of(self, line: Line) -> Source:
        """Return where the artefact of *line* is from: a source without gaps."""

        def filled(text: str) -> str:
            return text.format(name=line.name, version=line.version)

        return Source(
            kind=self.kind,
            address=filled(self.address),
            sum=self.sum and filled(self.sum),
            member=self.member and filled(self.member),
        )


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that is wanted, and where each is from."""

    lines: tuple[Line, ...] = msgspec.field(name="wanted")
    sources: dict[str, Source] = msgspec.field(name="source")

    def __post_init__(self) -> None:
        for line in self.lines:
            if line.origin not in self.sources:
                raise ValueError(f"{line.name} is from {line.origin!r}, which is no source")

    def source(self, line: Line) -> Source:
        """Return where the artefact of *line* is from: a source without gaps."""
        return self.sources[line.origin].of(line)


def load(path: Path = WANTED_FILE) -> Wanted:
    """
    Read what is wanted.

    Raises:
        ArtefactError: if the file is missing or wrong.
    """
    try:
        return toml_as(path.read_bytes(), Wanted)
    except FileNotFoundError:
        remedy = "take it from the project again: `git checkout` it"
        raise ArtefactError(f"there is no {path}", remedy=remedy) from None
    except DecodeError as error:
        remedy = "correct it; docs/artefacts.md describes every key"
        raise ArtefactError(f"{path}: {error}", remedy=remedy) from error
