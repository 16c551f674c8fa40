"""The schema of what a run leaves behind, from the types that write and read it."""

from __future__ import annotations

import inspect
import re
from enum import Enum
from typing import TYPE_CHECKING, Any

import msgspec

from lab import docstrings, store
from lab.analysis import result
from lab.history import night
from lab.outcome import Evidence
from lab.records import (
    SCHEMA_VERSION,
    BootRecord,
    Environment,
    Leaks,
    LookRecord,
    OutcomeRecord,
    RunHeader,
    Timeline,
)
from lab.sample import Sample
from tests.reference.markdown import code, page, plain, table

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES: dict[str, tuple[str, type[msgspec.Struct]]] = {
    store.HEADER: ("one object", RunHeader),
    store.ENVIRONMENT: ("one object", Environment),
    store.SAMPLES: ("an object a line", Sample),
    store.OUTCOMES: ("an object a line", OutcomeRecord),
    store.BOOTS: ("an object a line", BootRecord),
    store.LOOKS: ("an object a line", LookRecord),
    f"{store.EVIDENCE}/BOOT.json": ("a list: before the measurements, and after", Evidence),
    store.LEAKS: ("one object", Leaks),
    store.TIMELINE: ("one object", Timeline),
    "analysis.json": ("one object", result.Analysis),
    "nightly.json": ("one object", night.Night),
}
INTRODUCTION = f"""
Schema {SCHEMA_VERSION}. A lab refuses a newer one, and migrates an older one when it reads it.
What the files are for, when they are written and what a crash leaves of them stands in
`results/README.md`. Times are UTC, ISO 8601. What has a default may be missing. Suffixes are
units: `_s` seconds, `_mib` MiB, `_bytes` bytes; a sample's value has the unit of its metric. A
missing value is a missing line: it is never zero.
"""


def text() -> str:
    """The whole page."""
    known = types()
    parts = ["## Files", table(("file", "holds", "of"), _files()), "## Types"]
    for name, kind in known.items():
        parts.extend((f"### {name}", *_type(kind, known)))
    return page("Results", INTRODUCTION.strip(), *parts)


def types() -> dict[str, type]:
    """Every type that is in a file of a run, by its name."""
    known: dict[str, type] = {}
    for _, kind in FILES.values():
        _gather(kind, known)
    return known


def members(kind: type) -> dict[str, str]:
    """What the code says of each field or value of *kind*, by what it is called in a file."""
    if issubclass(kind, Enum):
        return {str(each.value): docstrings.of_member(each) for each in kind}
    return {
        field.encode_name: docstrings.of_field(kind, field.name)
        for field in msgspec.inspect.type_info(kind).fields  # type: ignore[attr-defined]
    }


def _files() -> Iterator[tuple[str, str, str]]:
    for name, (form, kind) in FILES.items():
        yield code(name), form, f"[{kind.__name__}](#{kind.__name__.lower()})"


def _gather(kind: type, known: dict[str, type]) -> None:
    """Note *kind* and whatever its fields are made of, each once, in the order of reading."""
    if kind.__name__ in known:
        return
    known[kind.__name__] = kind
    if issubclass(kind, Enum):
        return
    for field in msgspec.inspect.type_info(kind).fields:  # type: ignore[attr-defined]
        for below in _classes(field.type):
            _gather(below, known)


def _classes(found: Any) -> Iterator[type]:  # noqa: ANN401 - any of msgspec's descriptions
    match found:
        case (
            msgspec.inspect.StructType()
            | msgspec.inspect.DataclassType()
            | msgspec.inspect.EnumType()
        ):
            yield found.cls
        case msgspec.inspect.UnionType(types=several):
            for each in several:
                yield from _classes(each)
        case msgspec.inspect.VarTupleType(item_type=one) | msgspec.inspect.ListType(item_type=one):
            yield from _classes(one)
        case msgspec.inspect.DictType(value_type=one):
            yield from _classes(one)
        case _:
            return


def _type(kind: type, known: dict[str, type]) -> Iterator[str]:
    yield plain(inspect.getdoc(kind) or "")
    if issubclass(kind, Enum):
        values = ((code(value), meaning) for value, meaning in members(kind).items())
        yield table(("value", "meaning"), values)
        return
    fields: tuple[Any, ...] = msgspec.inspect.type_info(kind).fields  # type: ignore[attr-defined]
    written, told = inspect.get_annotations(kind), members(kind)
    rows = [
        (
            code(field.encode_name),
            _linked(str(written.get(field.name, "")), known),
            "yes" if field.required else "no",
            told[field.encode_name],
        )
        for field in fields
    ]
    yield table(("field", "type", "required", "meaning"), rows)


def _linked(annotation: str, known: dict[str, type]) -> str:
    """The type as the code writes it; what is described on this page leads there."""
    return re.sub(
        r"\w+",
        lambda word: f"[{word[0]}](#{word[0].lower()})" if word[0] in known else word[0],
        annotation.replace("[", " of ")
        .replace("]", "")
        .replace(", ...", "")
        .replace(" | None", " or null"),
    )
