"""The simulations in short: a goal that is far off is noticed by every run of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.simulations.document import PATH, SECTIONS
from tests.simulations.error_rates import coverage, false_alarms
from tests.simulations.families import controls, findings, gates
from tests.simulations.nights import WORLDS, matrix, nights
from tests.simulations.order import orders
from tests.simulations.powers import CASES, powers
from tests.simulations.section import Check, Section, band
from tests.simulations.shapes import flags
from tests.simulations.stopping import stopping

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
SHORT: dict[str, Callable[[], Section]] = {
    "S1": lambda: false_alarms(repeats=300, boots=(5, 10)),
    "S2": lambda: coverage(repeats=200, boots=(5, 10), ratios=(0.8,)),
    "S3": lambda: powers(repeats=2000, cases=CASES[:2]),
    "S4": lambda: gates(runs={12: 80}),
    "S4 found": lambda: findings(repeats=4),
    "S6": lambda: orders(repeats=400),
    "S7": lambda: stopping(repeats=600, cvs=(0.04,), designs=((0.05, 6),)),
    "S5": lambda: nights(draws=300_000, powers=2000, worlds=WORLDS[:1]),
    "S5 matrix": lambda: matrix(labs=1, nights=20, cells=6),
    "S11": lambda: controls(repeats=10),
    "flags": lambda: flags(repeats=300, boots=(5, 10)),
}


@pytest.mark.parametrize("goal", SHORT)
def test_no_figure_is_far_off(goal: str) -> None:
    section = SHORT[goal]()

    assert section.checks
    assert section.missed == ()
    assert all(len(row) == len(section.header) for row in section.rows)


@pytest.mark.program
def test_a_section_is_the_same_whatever_python_hashes_by() -> None:
    script = "from tests.simulations.families import findings; print(findings(repeats=2))"

    said = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(said) == 1


def test_bands_are_those_of_the_goals() -> None:
    assert band(0.05, 2000) == pytest.approx((0.034, 0.066), abs=1e-4)
    assert band(0.01, 2000) == pytest.approx((0.0027, 0.0173), abs=1e-4)
    assert band(0.05, 10_000) == band(0.05, 2000)


def test_a_figure_outside_its_band_is_missed() -> None:
    inside, outside = (Check(name="x", value=v, low=0.034, high=0.066) for v in (0.04, 0.07))
    section = Section(goal="S0", title="", text="", header=(), rows=(), checks=(inside, outside))

    assert section.missed == (outside,)


def test_every_section_is_in_the_document() -> None:
    """Its figures are made by `nox -s statistics`; that they are there at all is seen at once."""
    headings = [line for line in PATH.read_text().splitlines() if line.startswith("## ")]

    assert len(headings) == len(SECTIONS)
    assert "Outside the band" not in PATH.read_text()
