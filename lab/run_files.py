"""
Reads the files of ``results/<run>/``, each as what it is: of this schema or an earlier one.

What they say together is for :mod:`lab.run`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from lab.decode import DecodeError, json_as
from lab.design import comparisons_of
from lab.errors import StoreError, UsageError
from lab.matrix import Cell
from lab.plan import Design
from lab.records import SCHEMA_VERSION, RunHeader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

T = TypeVar("T")
Document = dict[str, Any]


def _without_design(document: Document) -> Document:
    """Schema 1 has no design: its cells can be compared, but no metric was declared primary."""
    plan = document["plan"]
    design = Design(
        comparisons=comparisons_of(tuple(map(Cell.parse, plan["cells"]))),
        min_rounds=plan["rounds"],
        max_rounds=plan["rounds"],
    )
    return {**document, "schema": 2, "plan": {**plan, "design": msgspec.to_builtins(design)}}


MIGRATIONS: Mapping[int, Callable[[Document], Document]] = {1: _without_design}
"""By version of the schema: the step from that version of ``run.json`` to the next."""


def read_header(path: Path) -> RunHeader:
    """
    Read ``run.json``, of this schema or an earlier one.

    Raises:
        StoreError: if it is none, of a later schema, or damaged.
    """
    document = decode(path, Document)
    found = document.get("schema")
    if not isinstance(found, int) or found > SCHEMA_VERSION:
        raise StoreError(
            f"{path} has schema {found!r}; this lab reads up to {SCHEMA_VERSION}",
            remedy=f"use the lab that wrote it (version {document.get('lab_version', 'unknown')})"
            " or a newer one",
        )
    for version in range(found, SCHEMA_VERSION):
        if version not in MIGRATIONS:
            raise StoreError(
                f"{path} has schema {found}, which nothing reads any more",
                remedy="use the lab that wrote it",
            )
        try:
            document = MIGRATIONS[version](document)
        except (KeyError, TypeError, UsageError) as error:
            raise damaged(path, error) from error
    try:
        header = msgspec.convert(document, RunHeader)
        for name in header.plan.cell_names:
            Cell.parse(name)
    except (msgspec.ValidationError, UsageError) as error:
        raise damaged(path, error) from error
    return header


def read_optional(path: Path, kind: type[T]) -> T | None:
    """Read one record from *path*; None if there is no such file."""
    return decode(path, kind) if path.exists() else None


def read_lines(path: Path, kind: type[T], warnings: list[str]) -> tuple[T, ...]:
    """Read one record a line; a last line that a crash has torn is left out, and said so."""
    if not path.exists():
        return ()
    *lines, rest = _bytes(path).split(b"\n")
    if rest:
        warnings.append(f"{path.name}: the last line is torn, the record in it is lost")
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            records.append(json_as(line, kind))
        except DecodeError as error:
            raise damaged(path, error, line=number) from error
    return tuple(records)


def decode(path: Path, kind: type[T]) -> T:
    """
    Read one record from *path*.

    Raises:
        StoreError: if it cannot be read, or is damaged.
    """
    try:
        return json_as(_bytes(path), kind)
    except DecodeError as error:
        raise damaged(path, error) from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"cannot read {path}: {error.strerror}",
            remedy="name a directory that `lab matrix` has made, or `last`",
        ) from error


def damaged(path: Path, error: Exception, *, line: int | None = None) -> StoreError:
    """Say what is wrong with the file *path*, and where: to be raised."""
    place = f"{path}, line {line}" if line else str(path)
    problem = error.problem if isinstance(error, UsageError) else str(error)
    return StoreError(
        f"{place} is damaged: {problem}", remedy="restore it from a copy, or make the run again"
    )
