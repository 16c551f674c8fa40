"""Gates that were not passed are said with the analysis, once a cell and metric."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec

from lab.analysis import analyse
from lab.gates import NODE_READ, WORKING_SET
from tests.campaigns import campaign
from tests.samples import GOODPUT

if TYPE_CHECKING:
    from lab.run import Run

CELL, RUNC = "tcfilter+virtiofs+reference", "veth+overlayfs+runc"


def run(*, cell: list[float], runc: list[float]) -> Run:
    return campaign({CELL: {GOODPUT: cell}, RUNC: {GOODPUT: runc}}, primary=[GOODPUT.name])


def said(run: Run, name: str) -> list[tuple[str, str, str]]:
    return [
        (each.cell, each.metric, each.text) for each in analyse(run).cautions if each.name == name
    ]


def test_a_guest_that_is_better_than_its_node_is_suspicious() -> None:
    fast = run(cell=[200.0] * 5, runc=[100.0, 101.0, 99.0, 100.0, 100.0])

    assert said(fast, "better-than-node") == [
        (
            CELL,
            GOODPUT.name,
            "Suspicious: 200 bit/s, where the node itself has 100 bit/s.",
        )
    ]


def test_values_that_cannot_be_are_said_and_never_a_result() -> None:
    broken = run(cell=[0.0, 90.0, 91.0, 92.0, 0.0], runc=[100.0] * 5)

    assert said(broken, "impossible-value") == [
        (CELL, GOODPUT.name, "Invalid: 0 bit/s cannot have been measured (2 samples).")
    ]
    effect = analyse(broken).effect(CELL, RUNC, GOODPUT.name)
    assert effect is not None
    assert effect.effect.ratio is None


def test_what_a_cache_answered_is_said_once_for_all_boots() -> None:
    plain = run(cell=[90.0, 91.0, 92.0, 93.0, 94.0], runc=[100.0] * 5)
    cached = {NODE_READ: 0.05, WORKING_SET: 0.125}
    samples = tuple(
        msgspec.structs.replace(each, quality=cached) if each.cell == CELL else each
        for each in plain.samples
    )

    found = said(dataclasses.replace(plain, samples=samples), "answered-by-cache")

    assert [(cell, text.endswith("(5 samples).")) for cell, _, text in found] == [(CELL, True)]
    assert said(plain, "answered-by-cache") == []
