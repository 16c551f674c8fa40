"""The tutorial's quick commands print what the page says, on the runs that were kept of it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from lab.matrix import Cell
from lab.run import Run
from tests.fake_run import FakeRun
from tests.tutorial.page import PAGE, RUN, steps
from tests.tutorial.play import KEPT, play, programs, shell, surroundings

if TYPE_CHECKING:
    from pathlib import Path

TEXT = PAGE.read_text(encoding="utf-8")
STEPS = tuple(steps(TEXT))
IS_RECORDED = "**Not recorded yet.**" not in TEXT


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The runs that were kept; while the page is not recorded, invented ones of those names."""
    if IS_RECORDED:
        return KEPT
    cells = tuple(map(Cell.parse, ("veth+overlayfs+runc", "tcfilter+virtiofs+reference")))
    for number, rounds in enumerate((1, 5, 5), start=1):
        created = datetime(2026, 1, 1, 0, 0, number, tzinfo=UTC)
        run = FakeRun(cells=cells, rounds=rounds, seed=number, created=created)
        run.write(tmp_path / "kept")
    return tmp_path / "kept"


def test_the_page_says_whether_it_is_recorded() -> None:
    made = {step.makes for step in STEPS if step.makes}

    assert set(RUN.findall(TEXT)) == made
    assert {path.name for path in KEPT.glob("*")} == (made if IS_RECORDED else set())
    assert ("not measured yet" in TEXT) is not IS_RECORDED
    assert all(step.printed for step in STEPS if step.is_slow)


@pytest.mark.program
def test_the_quick_commands_print_what_the_page_says(kept: Path, tmp_path: Path) -> None:
    for folder in ("bin", "kata-lab"):
        (tmp_path / folder).mkdir()
    path = f"{programs(tmp_path / 'bin')}:{os.environ['PATH']}"
    env = surroundings(PATH=path, LAB_HOME=str(tmp_path / "home"))

    with shell(tmp_path / "kata-lab", env=env) as typing:
        played = play(STEPS, typing, kept=kept, records=not IS_RECORDED)

    assert played.wrong == []
    assert all(step.printed for step in played.steps if not step.command.startswith("export"))


def test_what_was_kept_can_be_read(kept: Path) -> None:
    for run in map(Run.load, kept.glob("2*")):
        assert run.valid_samples
