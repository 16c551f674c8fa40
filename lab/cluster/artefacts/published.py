"""Sums as upstreams publish them: one bare, or a line for each file as sha256sum writes them."""

from __future__ import annotations

import re

from lab.cluster.artefacts.download import text
from lab.errors import ArtefactError

_BARE = re.compile(r"\s*([0-9a-fA-F]{64})\s*")
_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](?:.*/)?(?P<file>[^/]+?)\s*")


def sha256(address: str, *, file: str) -> str:
    """
    Get the SHA-256 that upstream publishes at *address* for *file*.

    Raises:
        ArtefactError: if there is none.
    """
    found = parse(text(address), file=file)
    if found is None:
        remedy = "correct `sum` in artefacts.toml"
        raise ArtefactError(f"{address} holds no SHA-256 of {file}", remedy=remedy)
    return found


def parse(answer: str, *, file: str) -> str | None:
    """
    Find the SHA-256 of *file*; None if there is none.

    >>> parse("0" * 64 + "  runc.amd64", file="runc.arm64") is None
    True
    """
    if bare := _BARE.fullmatch(answer):
        return bare[1].lower()
    for line in answer.splitlines():
        if (match := _LINE.fullmatch(line)) and match["file"] == file:
            return match[1].lower()
    return None
