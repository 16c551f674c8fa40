"""
Regressions that somebody has taken on: a TOML file with an owner, a reason and an end.

A known regression raises no alarm until its last day; from then on it counts again. From *since*
on, the nights are compared with the level that it has brought, so that a second regression on top
of it is seen.
"""

from __future__ import annotations

import difflib
import re
from datetime import date  # noqa: TC003 - msgspec reads the annotations
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import msgspec

from lab.decode import DecodeError, toml_as
from lab.errors import UsageError
from lab.matrix import Runtime, select

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_FILE = "known-regressions.toml"
_UNKNOWN_FIELD = re.compile(r"unknown field `(?P<key>[^`]+)`")


class Known(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One known regression."""

    cell: str
    """With shell wildcards in each part, as after ``--cells``."""
    metric: str
    """With shell wildcards."""
    owner: str
    reason: str
    since: date
    """The first night that had it."""
    expires: date
    """The last day on which it raises no alarm."""

    def __post_init__(self) -> None:
        for name in ("cell", "metric", "owner", "reason"):
            if not getattr(self, name).strip():
                raise ValueError(f"{name} is empty")
        if self.expires < self.since:
            raise ValueError(f"it expires on {self.expires}, before it began on {self.since}")
        try:
            self._cells()
        except UsageError as error:
            said = error.problem.removeprefix("--cells: ")
            raise ValueError(f"{said} ({error.remedy})") from error

    def covers(self, cell: str, metric: str) -> bool:
        """Whether it is about *metric* of *cell*."""
        return cell in self._cells() and fnmatchcase(metric, self.metric)

    def is_active(self, today: date) -> bool:
        """Whether it holds the alarm back on *today*."""
        return self.since <= today <= self.expires

    def has_expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return self.expires < today

    def _cells(self) -> set[str]:
        return {str(cell) for cell in select(self.cell, runtimes=tuple(Runtime))}

    def __str__(self) -> str:
        return f"{self.cell}, {self.metric}: {self.owner}, until {self.expires}: {self.reason}"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    regression: tuple[Known, ...] = ()


def load(path: Path) -> tuple[Known, ...]:
    """
    Read the known regressions in *path*.

    Raises:
        UsageError: if the file cannot be read, or is not what it must be; an unknown key is
            told with the nearest known one.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror}", remedy="name a file that can be read with --known"
        ) from error
    try:
        return toml_as(raw, _File).regression
    except DecodeError as error:
        raise UsageError(f"{path}: {error}", remedy=_remedy(str(error))) from error


def _remedy(problem: str) -> str:
    if match := _UNKNOWN_FIELD.search(problem):
        known = [
            field.encode_name for kind in (Known, _File) for field in msgspec.structs.fields(kind)
        ]
        near = difflib.get_close_matches(match["key"], known, n=1)
        return f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
    return "correct the file; docs/nightly.md describes every key"
