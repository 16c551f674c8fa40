"""The verbs that read a run again: report, verify."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.cli import main
from lab.outcome import Outcome
from tests.fake_run import CHECKS, FakeRun, Trouble

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("place")
CELL = "tcfilter+9p+reference"


def test_a_report_is_written_again(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = FakeRun().write(place / "work" / "results")
    assert not (path / "report.html").exists()

    assert main(["report"]) == 0

    assert (path / "report.html").exists()
    assert capsys.readouterr().out == f"{path}/report.html\n"


@pytest.mark.parametrize("verb", ["report", "verify"])
def test_a_run_that_is_not_there_is_a_wrong_command_line(
    place: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    assert main([verb]) == 2
    assert "there are no runs" in capsys.readouterr().err

    FakeRun().write(place / "work" / "results")

    assert main([verb, "2026-11-24"]) == 2
    assert "there is no run '2026-11-24'" in capsys.readouterr().err


def test_a_good_run_is_verified(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    FakeRun().write(place / "work" / "results")

    assert main(["verify"]) == 0
    assert capsys.readouterr().out == "no cell lacks anything\n"


def test_a_bad_run_is_not_verified(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trouble = {CELL: Trouble(Outcome.FAIL, "no answer", scenario=CHECKS[0])}
    FakeRun(trouble=trouble).write(place / "work" / "results")

    assert main(["verify", "last"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{CELL}: 2 of 3 scenarios of network/test_connectivity.py passed",
        f"{CELL}: {CHECKS[0]} is",
        "  FAIL: no answer",
        "1 cell lacks something",
    ]


def test_what_a_run_lacks_is_said_in_80_columns(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trouble = {CELL: Trouble(Outcome.FAIL, "no answer " * 20, scenario=CHECKS[0])}
    FakeRun(trouble=trouble).write(place / "work" / "results")

    assert main(["verify", "last"]) == 1
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_verify_names_the_cells_that_are_to_be_run_again(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trouble = {CELL: Trouble(Outcome.FAIL, "no answer", scenario=CHECKS[0])}
    FakeRun(trouble=trouble).write(place / "work" / "results")

    assert main(["verify", "--cells", "last"]) == 0
    assert capsys.readouterr().out == f"{CELL}\n"
