"""What a cell can be, how long it is measured, what is known of it: from the code and its data."""

from __future__ import annotations

import dataclasses
import inspect
from typing import TYPE_CHECKING

from lab import docstrings, expectations
from lab.design import HELD, PRIMARY
from lab.matrix import (
    CONTROL_CELLS,
    DEFAULT_CELLS,
    GUEST_NETWORKS,
    GUEST_STORAGES,
    Runtime,
    Variant,
)
from lab.network import MODELS
from lab.plan import Role
from lab.profile import PROFILES, Profile
from lab.storage import BACKENDS
from tests.reference.markdown import code, page, plain, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

INTRODUCTION = """
A cell is a network, a storage and a runtime, written `tcfilter+virtiofs+reference`: the same
string on the command line, in a pytest id, in a file name and in a report. `--cells` takes
several, separated by commas, with wildcards: `'macvtap+*+reference,*+9p+*'`. `lab explain CELL`
tells of one.
"""
EXPECTED = """
What is known to work where; `lab/expectations.toml` is what the lab reads. It decides nothing
by itself: a cell is started whatever is expected of it, and judged by what its sandbox did.
"""


def text() -> str:
    """The whole page."""
    return page(
        "Cells",
        INTRODUCTION.strip(),
        "## Networks",
        _table("network", {each: _about(MODELS[each]) for each in GUEST_NETWORKS}),
        "The controls without a guest have `veth`.",
        "## Storages",
        _table("storage", {each: _about(BACKENDS[each]) for each in GUEST_STORAGES}),
        "The controls without a guest have `overlayfs` and `devmapper`.",
        "## Runtimes",
        _table("runtime", {each: docstrings.of_member(each) for each in Runtime}),
        "## Variants",
        _table("variant", {each: docstrings.of_member(each) for each in Variant}),
        "## The default matrix",
        f"{len(DEFAULT_CELLS)} cells, {len(CONTROL_CELLS)} of them controls.",
        ", ".join(code(each) for each in DEFAULT_CELLS),
        "## Profiles",
        _profiles(),
        "## Comparisons",
        _table("role", {each: docstrings.of_member(each) for each in Role}),
        f"Primary metrics, which the gate judges: {_listed(PRIMARY)}.",
        f"A handicap is held in {_listed(HELD)}.",
        "## What is known to work where",
        EXPECTED.strip(),
        _expectations(),
    )


def _table(title: str, told: Mapping[str, str]) -> str:
    return table((title, "what it is"), ((code(name), meaning) for name, meaning in told.items()))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(code, names))


def _about(module: object) -> str:
    told = " ".join(docstrings.paragraphs(inspect.getdoc(module) or "")).partition(": ")[2]
    return f"{told[:1].upper()}{told[1:]}"


def _profiles() -> str:
    names = tuple(PROFILES)
    rows = (
        (
            code(field.name),
            *(f"{getattr(PROFILES[name], field.name)}" for name in names),
            docstrings.of_field(Profile, field.name),
        )
        for field in dataclasses.fields(Profile)
        if field.name not in {"name", "seed"}
    )
    return table(("", *map(code, names), ""), rows)


def _expectations() -> str:
    rows = (
        (
            code(line.runtime),
            _versions(line),
            ", ".join(map(code, (*line.network, *line.storage))),
            str(line.expect),
            plain(line.source),
        )
        for line in expectations.load().lines
    )
    return table(("runtime", "version", "what", "expected", "source"), rows)


def _versions(line: expectations.Expectation) -> str:
    since = f"from {line.since}" if line.since else ""
    before = f"before {line.before}" if line.before else ""
    return " ".join(filter(None, (since, before))) or "all"
