"""The ranked differences: one row a comparison, better to the right."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from lab.analysis import analyse
from lab.report import html
from lab.report.forest import WIDTH, forests
from tests.analysis.test_analyse import OTHER, PRIMARY, table
from tests.campaigns import campaign
from tests.report.page import parse

if TYPE_CHECKING:
    from lab.report.forest import Forest, ForestRow
    from lab.run import Run


def main_of(run: Run) -> Forest:
    (forest,) = (each for each in forests(analyse(run)) if each.is_main)
    return forest


def other(rows: tuple[ForestRow, ...]) -> list[ForestRow]:
    return [row for row in rows if row.cell == OTHER]


def test_worse_is_left_whichever_way_the_metric_goes() -> None:
    forest = main_of(campaign(table(0.8), primary=PRIMARY))

    throughput, latency = sorted(other(forest.rows), key=lambda row: row.metric)
    assert (throughput.sign, latency.sign) == ("▼", "▼")
    ratios = sorted(float(row.ratio[:-1]) for row in (throughput, latency))
    assert ratios[0] < 0.9, "as it was measured"
    assert ratios[1] > 1.1, "as it was measured"
    for row in (throughput, latency):
        low, at, high = row.whisker
        assert 0 <= low <= at <= high < forest.one <= WIDTH
        assert row.mark == "‡"
        assert row.detectable == ""


def test_equal_cells_are_in_the_table_of_their_own_with_what_would_have_been_found() -> None:
    forest = main_of(campaign(table(1.0), primary=PRIMARY))

    assert not [row for row in other(forest.rows) if row.word != "inconclusive"]
    assert other(forest.equivalent)
    for row in other(forest.equivalent):
        assert row.detectable.endswith(" %")
        assert row.band[0] < forest.one < sum(row.band)


def test_one_round_has_no_plot(smoke: Run) -> None:
    assert forests(analyse(smoke)) == ()
    assert parse(html.render(smoke)).all("section", id="differences") == []


def test_ticks_are_apart_and_one_is_among_them() -> None:
    for level in (0.05, 0.8, 0.99, 4.0):
        forest = main_of(campaign(table(level), primary=PRIMARY))
        places = [place for place, _ in forest.ticks]

        assert (forest.one, "1") in forest.ticks
        assert all(b - a >= 26 for a, b in pairwise(places))


def test_every_comparison_with_a_number_is_a_row(designed: Run) -> None:
    analysis = analyse(designed)
    document = parse(html.render(designed))

    known = [e for e in analysis.effects if e.is_primary and e.effect.ratio is not None]
    rows = [row for table in document.all("table", class_="forest") for row in table.all("tr")]
    assert len([row for row in rows if row.all("td")]) == len(known)
    assert "Holm" in document.one("section", id="differences").text
    assert "without an interval" in document.one("section", id="differences").text


def test_the_largest_marked_difference_comes_first(designed: Run) -> None:
    forest = main_of(designed)

    marked = [bool(row.mark) for row in forest.rows]
    assert marked == sorted(marked, reverse=True)
