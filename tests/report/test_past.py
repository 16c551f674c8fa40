"""The runs before: what is drawn beside a run, and what must not be compared with it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from lab import report
from lab.history.night import Kind
from lab.matrix import Cell
from lab.report.past import HEIGHT, LEAST_RUNS, WIDTH, past
from tests.fake_run import CREATED, FakeRun, declared
from tests.history.nights import CELL, CELLS, CONTROL, Lab
from tests.report.page import parse

if TYPE_CHECKING:
    from pathlib import Path

GOODPUT = "tcp_out_goodput"


def test_each_series_is_a_line_of_dots_and_controls_come_last() -> None:
    lab = Lab()
    lab.nights(6)

    found = past(lab.measure(), lab.entries, {})

    assert found is not None
    assert found.extent == "7 runs since 1 October 2026"
    assert [trail.against for trail in found.trails] == [CONTROL] * 4 + [""] * 2
    assert {trail.cell for trail in found.trails} == set(CELLS)
    for trail in found.trails:
        across = [x for x, _ in trail.dots]
        assert len(across) == 7
        assert across == sorted(across)
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in trail.dots)


def test_better_is_not_up_but_more_is() -> None:
    lab = Lab()
    lab.nights(4)
    lab.shifts[CELL, GOODPUT] = 1.5

    found = past(lab.measure(), lab.entries, {})

    assert found is not None
    mine = next(each for each in found.trails if (each.cell, each.metric) == (CELL, GOODPUT))
    assert mine.dots[-1][1] < min(y for _, y in mine.dots[:-1])
    assert mine.now.startswith("1.")


@pytest.mark.parametrize("nights", range(LEAST_RUNS - 1))
def test_too_few_runs_are_no_history(nights: int) -> None:
    lab = Lab()
    lab.nights(nights)

    assert past(lab.measure(), lab.entries, {}) is None


def test_what_must_be_equal_and_is_not_begins_an_era() -> None:
    """Of the era before nothing is said, not even in the range."""
    lab = Lab()
    lab.shifts[CELL, GOODPUT] = 9.0
    lab.nights(3)
    lab.shifts.clear()
    lab.facts["host kernel"] = "6.13"
    lab.nights(3)

    found = past(lab.measure(), lab.entries, {})

    assert found is not None
    (era,) = found.eras
    assert (era.since, era.reason) == ("4 October", "host kernel: 6.12 / 6.13")
    mine = next(each for each in found.trails if (each.cell, each.metric) == (CELL, GOODPUT))
    assert mine.dots[2][0] < era.place < mine.dots[3][0]
    assert "9" not in mine.before.split(".")[0]


def test_runs_of_another_machine_are_anothers_history() -> None:
    lab = Lab()
    lab.nights(4)
    lab.facts["host machine"] = "m2"

    assert past(lab.measure(), lab.entries, {}) is None


def test_what_nights_and_the_search_said_is_told() -> None:
    lab = Lab(boot_sd=0.01)
    lab.nights(12)
    lab.shifts[CELL, GOODPUT] = 0.7
    lab.nights(12)

    found = past(lab.measure(), lab.entries, {})

    assert found is not None
    mine = next(each for each in found.trails if (each.cell, each.metric) == (CELL, GOODPUT))
    assert any(text.startswith("level −29") and "from 13 October on" in text for text in mine.told)  # noqa: RUF001
    assert any(f"13 October: {Kind.REGRESSION.value} −" in text for text in mine.told)  # noqa: RUF001


def test_a_report_tells_of_the_runs_that_lie_beside_it(tmp_path: Path) -> None:
    cells = tuple(map(Cell.parse, CELLS))
    paths = [
        FakeRun(
            cells=cells,
            rounds=3,
            seed=day,
            design=declared(cells, [GOODPUT], rounds=3),
            created=CREATED + timedelta(days=day),
        ).write(tmp_path)
        for day in range(1, 4)
    ]

    for path in paths:
        report.write(path)

    first, *_, last = (parse((path / "report.html").read_text("utf-8")) for path in paths)
    assert not first.all("section", id="history")
    section = last.one("section", id="history")
    assert "3 runs since" in section.text
