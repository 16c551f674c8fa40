"""Ratios in the matrix: to the chosen baseline, with intervals, marks and means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.plan import Role
from lab.report import html, view
from lab.report.ratios import Ratio, bars, choose, geometric_mean
from lab.sample import Better
from lab.stats.effect import compare
from lab.stats.verdict import Verdict
from tests.report.page import parse

if TYPE_CHECKING:
    from lab.run import Run


def of(value: float) -> Ratio:
    return Ratio(
        role=Role.CONTROL,
        baseline="",
        value=value,
        text="",
        interval="",
        verdict=Verdict.UNKNOWN,
        shade="",
    )


def test_means_are_of_what_is_whole() -> None:
    assert geometric_mean([of(2.0), of(8.0)]) == "4.00×"  # noqa: RUF001
    assert geometric_mean([of(2.0), None]) == ""
    assert geometric_mean([]) == ""


def test_the_gates_baseline_is_chosen_where_it_has_an_interval() -> None:
    assert choose([(Role.CONTROL, False), (Role.BASELINE, False)]) is Role.CONTROL
    assert choose([(Role.CONTROL, True), (Role.BASELINE, True)]) is Role.BASELINE
    assert choose([(Role.BASELINE, False)]) is Role.BASELINE
    assert choose([]) is Role.CONTROL
    assert choose([(Role.REFERENCE, True)]) is Role.REFERENCE


def test_bars_share_an_axis_that_holds_one() -> None:
    boots = {number: 1.0 + number / 100 for number in range(6)}
    half = {number: value / 2 + number / 1000 for number, value in boots.items()}
    effects = {
        "same": compare(half, half | {0: 0.501}, better=Better.HIGHER),
        "half": compare(half, boots, better=Better.HIGHER),
        "few": compare({1: 1.0}, boots, better=Better.HIGHER),
    }

    made = bars(effects)

    assert set(made) == {"same", "half"}
    assert made["same"][3] == made["half"][3]
    low, at, high, one = made["half"]
    assert low <= at <= high < one


def test_a_cell_has_a_ratio_to_each_baseline_that_it_has(designed: Run) -> None:
    report = view.build(designed)
    panel = report.panels[0]
    roles = {str(row.cell): [each.role for each in row.ratios] for row in panel.rows}

    assert roles["none+9p+kata-go"] == [Role.CONTROL, Role.REFERENCE, Role.BASELINE]
    assert roles["veth+overlayfs+runc"] == []
    assert [role for role, _ in report.roles] == [Role.CONTROL, Role.REFERENCE, Role.BASELINE]
    assert report.role is Role.BASELINE
    itself = next(row for row in panel.rows if str(row.cell) == "tcfilter+virtiofs+kata-go")
    ratio = itself.ratio(Role.BASELINE)
    assert ratio is not None
    assert (ratio.text, ratio.sign, ratio.word) == ("the baseline", "", "")


def test_the_matrix_has_intervals_signs_and_notes(designed: Run) -> None:
    matrix = parse(html.render(designed)).one("table", id="matrix")

    place = matrix.one("td", data_shows="none+virtiofs+reference")
    assert " to " in place.one("span", class_="i").text
    assert len(place.all("svg", class_="ci")) == 1
    assert place.one("span", class_="c").text[-1].isalpha(), "a word beside the sign"
    disturbed = matrix.one("td", data_shows="tcfilter+virtiofs+kata-go")
    assert "1 contaminated" in disturbed.one("span", class_="q").text
    means = [each.text for each in matrix.all("span", class_="mean") if each.text]
    assert means


def test_without_an_interval_a_ratio_is_not_judged(smoke: Run) -> None:
    matrix = parse(html.render(smoke)).one("table", id="matrix")

    told = matrix.one("td", data_shows="none+9p+reference").one("span", class_="c").text
    assert told.endswith("? not judged")
