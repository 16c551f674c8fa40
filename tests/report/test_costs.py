"""CPU time for what was moved, where it was moved by itself."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec

from lab.cost import PARTS
from lab.report import html
from lab.report.costs import costs
from tests.report.page import parse
from tests.samples import GOODPUT, sample

if TYPE_CHECKING:
    from lab.run import Run

SPENT: dict[str, float | None] = dict(zip(PARTS, (0.8, 0.5, 0.3, 0.2, 0.0), strict=True))
OTHER = msgspec.structs.replace(GOODPUT, name="other")


def test_processors_over_a_rate_are_time_for_what_was_moved() -> None:
    boots = [sample(2e9, cost=SPENT, boot="a"), sample(1e9, cost=SPENT, boot="b")]

    (cost,) = costs(boots)

    assert cost.per == "per Gbit"
    assert cost.parts[0] == "600 ms", "the mean of 400 and 800"
    assert cost.parts[4].startswith("0")


def test_a_window_of_several_rates_has_no_cost() -> None:
    assert costs([sample(cost=SPENT), sample(metric=OTHER, cost=SPENT)]) == ()


def test_what_is_not_known_in_every_boot_is_not_told() -> None:
    unknown = SPENT | {"guest": None}

    (cost,) = costs([sample(cost=SPENT, boot="a"), sample(cost=unknown, boot="b")])

    assert cost.parts[PARTS.index("guest")] == ""
    assert cost.parts[PARTS.index("qemu")] != ""
    assert costs([sample(cost=dict.fromkeys(PARTS))]) == ()


def test_a_cells_page_has_them(smoke: Run) -> None:
    first, *others = smoke.samples
    first = msgspec.structs.replace(first, metric=GOODPUT, cost=SPENT, started="then")

    document = parse(html.render(dataclasses.replace(smoke, samples=(first, *others))))

    page = document.one("details", id=f"cell-{first.cell}")
    assert "not told apart" not in page.one("table", class_="costs").text
    assert "per Gbit" in page.one("table", class_="costs").text
