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
    assert "did you mean tcfilter+virtiofs+" in capsys.readouterr().err
