"""What a report may weigh, and that it weighs the same every time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.report import html
from tests.fake_run import sized


def test_twelve_cells_in_ten_boots_are_at_most_300_kilobytes() -> None:
    """With the 22 metrics that a boot gives."""
    run = sized(cells=12, metrics=22, boots=10).read()

    assert len(html.render(run).encode()) <= 300_000


@pytest.mark.program
def test_forty_metrics_of_25_cells_in_20_boots_are_at_most_two_megabytes() -> None:
    run = sized(cells=25, metrics=40, boots=20).read()

    assert len(run.samples) > 20_000
    assert len(html.render(run).encode()) <= 2_000_000


@pytest.mark.program
def test_the_same_run_gives_the_same_bytes_in_another_process() -> None:
    """Sets have another order there."""
    make = "from tests.fake_run import sized; from lab.report import html"
    show = "print(html.render(sized(cells=12, boots=2).read()), end='')"

    other = subprocess.run(
        [sys.executable, "-c", f"{make}; {show}"],
        env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONIOENCODING": "utf-8"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=True,
    )

    assert other.stdout.decode() == html.render(sized(cells=12, boots=2).read())
