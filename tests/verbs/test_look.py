"""The verbs about runs that are there; compare, nightly and export have tests of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from lab.cli import main
from lab.history.index import INDEX, write_night
from lab.history.night import Night
from lab.matrix import Cell
from lab.plan import Design
from tests.fake_run import CREATED, FakeRun

if TYPE_CHECKING:
    from pathlib import Path

CELLS = tuple(map(Cell.parse, ("veth+overlayfs+runc", "tcfilter+virtiofs+reference")))
NIGHT = Night(epoch_since=CREATED, epoch_reason="first", epoch_nights=1, series=1, learning=1)


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results"


def test_runs_are_listed_with_what_they_told(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for is_night in (True, False):
        path = FakeRun(cells=CELLS, design=Design()).write(results)
        if is_night:
            write_night(path, NIGHT)

    assert main(["history"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2026-11-23T18-05-12-smoke  embedded, complete  night: nothing has changed",
        "2026-11-23T18-05-12-smoke-2  embedded, complete",
    ]


@pytest.mark.usefixtures("results")
def test_no_runs_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "list"]) == 0
    assert "there are no runs in results" in capsys.readouterr().out


def test_the_index_is_made_anew(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    FakeRun(cells=CELLS).write(results)
    (results / INDEX).write_text("spoilt")

    assert main(["history", "rebuild"]) == 0
    assert "1 runs are in" in capsys.readouterr().out
    head = (results / INDEX).read_bytes().splitlines()[0]
    assert msgspec.json.decode(head) == {"schema": 1}


def test_changes_need_nights(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = FakeRun(cells=CELLS).write(results)

    assert main(["history", "changes"]) == 2
    assert "there are no nights" in capsys.readouterr().err
    write_night(path, NIGHT)
    assert main(["history", "changes"]) == 0
    assert capsys.readouterr().out == "no change in 1 nights\n"


def test_runs_are_merged_and_the_report_is_named(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [FakeRun(cells=CELLS, seed=seed).write(results).name for seed in (1, 2)]

    assert main(["merge", *runs]) == 0

    report = capsys.readouterr().out.strip()
    assert report == "results/2026-11-23T18-05-12-smoke-3/report.html"
    assert (results.parent / report).is_file()


def test_a_run_that_is_not_there_is_named(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    FakeRun(cells=CELLS).write(results)

    assert main(["merge", "last", "2026-11-23T18-05-12-smok"]) == 2
    assert "did you mean '2026-11-23T18-05-12-smoke'?" in capsys.readouterr().err
