"""Every sample is a dot in the order of the run; what is in no mean is hollow."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec

from lab.gates import NODE_READ
from lab.report import html, view
from lab.report.course import HEIGHT, WIDTH, Doubts, across, course, factors
from tests.report.page import parse
from tests.samples import sample

if TYPE_CHECKING:
    from lab.run import Run

CELL = "tcfilter+virtiofs+kata-go"


def test_dots_go_from_left_to_right_and_the_contaminated_one_is_hollow(designed: Run) -> None:
    mine = [
        each for each in designed.samples
        if each.cell == CELL and each.metric.name == "tcp_out_goodput"
    ]  # fmt: skip

    made = course(Doubts.of(designed), mine, set(map(id, designed.used_samples)))

    assert [boot for boot, places in made.items() if places.startswith("o")] == [
        each.boot for each in mine if each not in designed.used_samples
    ]
    heights = [int(place.removeprefix("o")) for place in made.values()]
    assert len(heights) == 9
    assert all(0 < y < HEIGHT for y in heights)


def test_boots_go_from_left_to_right_as_the_run_went(designed: Run) -> None:
    places = across(designed, designed.order)

    assert list(places) == sorted(places)
    assert all(0 < x < WIDTH for x in places)


def test_a_boot_says_what_disturbed_it(designed: Run) -> None:
    page = next(each for each in view.build(designed).pages if str(each.cell) == CELL)

    told = {boot.label: boot.disturbed for boot in page.boots}
    assert told["r3"] == "host_foreign_cpu 1 > 0.25"
    assert told["r4"] == "", "nobody knows"


def test_a_boot_of_which_all_is_known_was_disturbed_by_nothing(designed: Run) -> None:
    from lab.contamination import RULES  # noqa: PLC0415 - only here

    doubts = Doubts.of(designed)

    assert doubts.of_boot([sample(noise={rule.name: 0.0 for rule in RULES})]) == "nothing"
    assert doubts.of_boot([]) == ""


def test_cache_hit_factors_are_told_from_lowest_to_highest(designed: Run) -> None:
    samples = [
        sample(quality={NODE_READ: 0.012}),
        sample(quality={NODE_READ: 1.04}),
        sample(quality={NODE_READ: None}),
    ]

    (factor,) = factors(samples)

    assert factor.text == "0.012 to 1"
    first, *others = designed.samples
    first = msgspec.structs.replace(first, quality={NODE_READ: 0.5})
    shown = html.render(dataclasses.replace(designed, samples=(first, *others)))
    assert "Cache-hit factors" in parse(shown).one("details", id=f"cell-{first.cell}").text
