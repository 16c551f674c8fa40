"""All samples as a table for those who ask SQL."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import pytest

from lab.cli import main
from lab.errors import UsageError
from lab.history.export import COLUMNS, ask, parquet
from lab.matrix import Cell
from lab.store import HEADER
from tests.fake_run import FakeRun

if TYPE_CHECKING:
    from pathlib import Path

CELLS = tuple(map(Cell.parse, ("veth+overlayfs+runc", "tcfilter+virtiofs+reference")))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    FakeRun(cells=CELLS, contradicted=frozenset({"tcfilter+virtiofs+reference"})).write(folder)
    return folder


@pytest.fixture
def duckdb() -> None:
    pytest.importorskip("duckdb")


@pytest.mark.usefixtures("duckdb")
def test_sql_is_answered(root: Path) -> None:
    columns, rows = ask(
        root,
        "SELECT network, storage, runtime, count(*) AS n, bool_and(is_valid) FROM samples"
        " WHERE metric = 'tcp_out_goodput' GROUP BY ALL ORDER BY network",
        say=pytest.fail,
    )

    assert list(columns)[:4] == ["network", "storage", "runtime", "n"]
    assert rows == [
        ("tcfilter", "virtiofs", "reference", 1, False),
        ("veth", "overlayfs", "runc", 1, True),
    ]


@pytest.mark.usefixtures("duckdb")
def test_noise_can_be_asked_for_by_name(root: Path) -> None:
    _, rows = ask(
        root, "SELECT DISTINCT noise['steal_s'], noise['psi_cpu_some_s'] FROM samples",
        say=pytest.fail,
    )  # fmt: skip

    assert rows == [(0.0, None)]


@pytest.mark.usefixtures("duckdb")
def test_the_samples_are_written_as_parquet(root: Path, tmp_path: Path) -> None:
    duckdb = importlib.import_module("duckdb")

    path = parquet(root, tmp_path / "out", say=pytest.fail)

    found = duckdb.connect().execute("SELECT * FROM read_parquet(?)", [str(path)])
    assert [column[0] for column in found.description] == list(COLUMNS)
    assert len(found.fetchall()) > 20


@pytest.mark.usefixtures("duckdb")
def test_a_folder_without_runs_gives_an_empty_table(tmp_path: Path) -> None:
    assert ask(tmp_path, "SELECT count(*) FROM samples", say=pytest.fail)[1] == [(0,)]


@pytest.mark.usefixtures("duckdb")
def test_what_is_no_sql_is_refused_with_the_columns(root: Path) -> None:
    with pytest.raises(UsageError) as caught:
        ask(root, "SELECT metrc FROM samples", say=pytest.fail)

    assert "metrc" in caught.value.problem
    assert "metric" in caught.value.remedy


@pytest.mark.usefixtures("duckdb")
def test_a_run_that_cannot_be_read_is_said(root: Path) -> None:
    (root / "2026-broken").mkdir()
    (root / "2026-broken" / HEADER).write_text("{")
    said: list[str] = []

    ask(root, "SELECT 1", say=said.append)

    assert said[0].startswith("left out: 2026-broken: ")


def test_without_duckdb_the_remedy_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)

    with pytest.raises(UsageError) as caught:
        ask(root, "SELECT 1", say=pytest.fail)
    assert caught.value.remedy.endswith("pip install duckdb")


@pytest.mark.usefixtures("duckdb")
def test_the_commands(root: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    where = ["history", "--output", str(root)]

    assert main([*where, "sql", "SELECT count(DISTINCT cell) AS cells FROM samples"]) == 0
    assert capsys.readouterr().out.split() == ["cells", "2"]
    assert main([*where, "export", "--parquet", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "out" / "samples.parquet")
