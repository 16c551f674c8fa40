from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest

from lab.cli import main
from lab.matrix import ALL_CELLS, Cell
from tests.fake_run import FakeRun

if TYPE_CHECKING:
    from pathlib import Path

CELLS = tuple(map(Cell.parse, ("veth+overlayfs+runc", "tcfilter+virtiofs+reference")))
DAX = "tcfilter+virtiofs-dax+reference"


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results"


def test_a_cell_that_was_seen_is_drawn(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = FakeRun(cells=CELLS).write(results)

    assert main(["explain", str(CELLS[1])]) == 0

    said = capsys.readouterr().out
    assert "Kata's default. Source: virtcontainers/network_linux.go" in said
    assert f"last seen in {run.name}, on an emulated node" in said
    assert "tap0_kata" in said
    assert "virtiofsd" in said
    assert "what the reference runtime wires" not in said


def test_a_cell_that_was_not_seen_has_its_wiring_and_a_command(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    FakeRun(cells=CELLS).write(results)

    assert main(["explain", DAX]) == 0

    said = capsys.readouterr().out
    assert "last seen: in no run here" in said
    assert f"lab matrix --cells {DAX} --profile smoke" in said
    assert "what the reference runtime wires for such a path" in said


@pytest.mark.usefixtures("results")
@pytest.mark.parametrize("cell", ALL_CELLS, ids=str)
def test_a_cell_fits_in_80_columns(cell: Cell, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(cell)]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_what_was_seen_fits_in_80_columns(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    FakeRun(cells=(*CELLS, Cell.parse(DAX))).write(results)

    for cell in (*map(str, CELLS), DAX):
        assert main(["explain", cell]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_a_terminal_that_takes_ascii_gets_ascii(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeRun(cells=CELLS).write(results)
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))

    assert main(["explain", str(CELLS[1])]) == 0

    sys.stdout.flush()
    assert b"-+---" in written.getvalue()


@pytest.mark.usefixtures("results")
def test_a_wrong_name_is_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "tcfilter+virtiofs"]) == 2
    said = capsys.readouterr().err
    assert "did you mean tcfilter+virtiofs+" in said
    assert "+twin" not in said
    assert "+handicap" not in said


@pytest.mark.usefixtures("results")
def test_a_twin_is_meant_by_who_writes_a_fourth_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", f"{CELLS[1]}+twim"]) == 2
    assert f"{CELLS[1]}+twin" in capsys.readouterr().err


@pytest.mark.usefixtures("results")
def test_wildcards_are_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "tcfilter+*+reference"]) == 2

    problem, *remedy = capsys.readouterr().err.splitlines()
    assert problem == "lab: 'tcfilter+*+reference': explain takes one cell, without wildcards"
    assert "name one, as tcfilter+virtiofs+reference or " in " ".join(remedy)


@pytest.mark.usefixtures("results")
def test_blanks_around_a_name_are_none_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", f" {CELLS[1]} "]) == 0
    assert capsys.readouterr().out.startswith(f"{CELLS[1]}\n")


@pytest.mark.usefixtures("results")
@pytest.mark.parametrize(
    "line", [f"explain {CELLS[1]}", "logs", "rerun", f"reproduce last {CELLS[1]}", "merge a b"]
)
def test_a_folder_of_runs_that_is_not_there_is_said(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*line.split(), "--output", "nowhere"]) == 2
    assert "lab: --output: there is no folder nowhere\n" in capsys.readouterr().err
