"""Two runs side by side."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import msgspec

from lab.compare import between
from lab.report import pair
from tests.report.page import parse

if TYPE_CHECKING:
    from lab.run import Run

CELL = "none+virtiofs+reference"


def halved(run: Run) -> Run:
    """The same run with one cell half as good in throughput."""
    samples = tuple(
        msgspec.structs.replace(sample, value=sample.value / 2)
        if sample.cell == CELL and sample.metric.name == "tcp_out_goodput"
        else sample
        for sample in run.samples
    )
    header = msgspec.structs.replace(run.header, id="2026-11-24T00-00-00-later")
    return dataclasses.replace(run, samples=samples, header=header)


def test_what_changed_is_said_first_and_is_left_of_the_line(designed: Run) -> None:
    other = halved(designed)
    found = between(designed, other)

    built = pair.build(designed, other, found)

    assert "1 worse" in built.headline
    group = next(each for each in built.groups if each.title == "TCP, guest to node")
    (line,) = (each for each in group.lines if each.cell == CELL)
    assert (line.sign, line.word, line.ratio) == ("▼", "worse", "0.50×")  # noqa: RUF001
    assert line.whisker is not None
    assert line.whisker[2] < group.one
    document = parse(pair.render(designed, other, found))
    assert document.one("div", class_="top").one("strong").text == "Kata lab"
    assert document.one("h1").text == built.headline
    assert other.header.id in document.one("section", id="runs").text
    assert document.all("div", class_="banner") == []


def test_what_was_divided_is_told(designed: Run) -> None:
    document = parse(pair.render(designed, designed, between(designed, designed)))

    assert "ratio to its control" in document.one("section", id="changes").text
    assert "at least half of it" in document.one("section", id="method").text


def test_without_a_control_nothing_is_said_of_one(designed: Run) -> None:
    samples = tuple(each for each in designed.samples if not each.cell.startswith("veth"))
    alone = dataclasses.replace(designed, samples=samples)
    found = between(alone, alone)
    without = tuple(dataclasses.replace(row, control="") for row in found.rows)

    document = parse(pair.render(alone, alone, dataclasses.replace(found, rows=without)))

    assert "the runs have no control" in document.one("section", id="changes").text
    assert "at least half of it" not in document.one("section", id="method").text


def test_runs_that_must_not_be_compared_say_so_in_large_letters(designed: Run) -> None:
    assert designed.environment is not None
    environment = msgspec.structs.replace(designed.environment, accelerator="tcg")
    other = dataclasses.replace(designed, environment=environment)

    document = parse(pair.render(designed, other, between(designed, other)))

    assert "Not comparable" in document.one("div", class_="banner").text
    assert "accelerator" in document.one("table", class_="differing").text


def test_what_would_have_been_seen_stands_beside_what_was_not(designed: Run) -> None:
    built = pair.build(designed, designed, between(designed, designed))

    told = [
        line
        for group in built.groups
        for line in group.lines
        if line.word in {"inconclusive", "equivalent"}
    ]
    assert told
    assert all(re.match(r"would have seen \d+\.\d%", line.told) for line in told)


def test_runs_without_intervals_claim_nothing(smoke: Run) -> None:
    document = parse(pair.render(smoke, smoke, between(smoke, smoke)))

    assert "better" not in document.one("h1").text
