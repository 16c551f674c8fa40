from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec

from lab.analysis import analyse
from lab.report import html
from lab.report.differing import differing
from lab.report.method import method
from tests.report.page import parse

if TYPE_CHECKING:
    from lab.run import Run


def test_the_method_names_tests_thresholds_and_rules(designed: Run) -> None:
    told = dict(method(analyse(designed)))

    assert "Student's t" in told["The test"]
    assert told["The margin"].startswith("3%")
    assert "Holm" in told["Family gate"]
    assert "handicap and its twin" in told["The run tests itself"]
    assert told["Rules of contamination"].startswith("version 1; declared was 1")


def test_every_departure_is_in_the_method_box(designed: Run) -> None:
    box = parse(html.render(designed)).one("section", id="method").text

    departures = analyse(designed).departures
    assert departures
    for each in departures:
        assert each in box


def test_what_nobody_declared_has_no_method(smoke: Run) -> None:
    assert method(analyse(smoke)) == ()


def test_what_varies_within_a_cell_comes_before_what_differs_between_cells(designed: Run) -> None:
    conditions = [{"MSS": "1400"}, {"MSS": "1448"}]
    samples = tuple(
        msgspec.structs.replace(
            sample, conditions=conditions[sample.cell.startswith("none") or sample.round == 1]
        )
        for sample in designed.samples
    )
    run = dataclasses.replace(designed, samples=samples)

    found = differing(run)

    assert found[0].is_bad
    assert found[0].where.startswith("within ")
    assert not found[-1].is_bad
    assert differing(designed) == ()
    text = parse(html.render(run)).one("section", id="environment").text
    assert "MSS" in text
    assert "1448" in text
