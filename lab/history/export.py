"""
The samples of all runs for those who ask SQL, by DuckDB; an optional part of the lab.

One row a sample, with all that it takes to trust it. The runs stay where and as they are.
"""

from __future__ import annotations

import importlib
import tempfile
from typing import TYPE_CHECKING, Any

import msgspec

from lab.contamination import judge
from lab.errors import LabError, UsageError
from lab.matrix import Cell
from lab.run import Run
from lab.store import HEADER, LAST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import ModuleType

    from lab.sample import Sample

FILE = "samples.parquet"
COLUMNS = {
    "run": "VARCHAR",
    "created": "TIMESTAMP",
    "topology": "VARCHAR",
    "profile": "VARCHAR",
    "accelerator": "VARCHAR",
    "cell": "VARCHAR",
    "network": "VARCHAR",
    "storage": "VARCHAR",
    "runtime": "VARCHAR",
    "variant": "VARCHAR",
    "metric": "VARCHAR",
    "unit": "VARCHAR",
    "better": "VARCHAR",
    "value": "DOUBLE",
    "round": "INTEGER",
    "position": "INTEGER",
    "boot": "VARCHAR",
    "attempt": "INTEGER",
    "scenario": "VARCHAR",
    "started": "VARCHAR",
    "elapsed_s": "DOUBLE",
    "is_valid": "BOOLEAN",
    "is_contaminated": "BOOLEAN",
    "noise": "MAP(VARCHAR, DOUBLE)",
    "conditions": "MAP(VARCHAR, VARCHAR)",
}
"""Of the table ``samples``, with their types in DuckDB. *is_valid*: of a boot that was proven."""


def parquet(root: Path, folder: Path, *, say: Callable[[str], None]) -> Path:
    """
    Write the samples of all runs in *root* to *folder*.

    Raises:
        UsageError: if DuckDB is not installed.
    """
    target = folder / FILE
    folder.mkdir(parents=True, exist_ok=True)
    with _connected(root, say=say) as connection:
        connection.table("samples").write_parquet(str(target))
    return target


def ask(
    root: Path, query: str, *, say: Callable[[str], None]
) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
    """
    Answer an SQL *query* on the table ``samples``: the names of the columns, and the rows.

    Raises:
        UsageError: if DuckDB is not installed, or does not understand.
    """
    with _connected(root, say=say) as connection:
        try:
            found = connection.execute(query)
        except _duckdb().Error as error:
            columns = ", ".join(COLUMNS)
            raise UsageError(
                f"sql: {error}", remedy=f"the table is samples, its columns are {columns}"
            ) from error
        return [column[0] for column in found.description], found.fetchall()


def _connected(root: Path, *, say: Callable[[str], None]) -> Any:  # noqa: ANN401 - DuckDB is optional
    """A connection to a database in memory that has the samples; a context."""
    connection = _duckdb().connect()
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    connection.execute(f"CREATE TABLE samples ({columns})")
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as lines:
        for row in _rows(root, say=say):
            lines.write(msgspec.json.encode(row) + b"\n")
        lines.flush()
        if lines.tell():
            connection.execute(
                "INSERT INTO samples SELECT * FROM read_json(?, format='newline_delimited',"
                " columns=?)",
                [lines.name, COLUMNS],
            )
    return connection


def _duckdb() -> ModuleType:
    try:
        return importlib.import_module("duckdb")
    except ImportError as error:
        raise UsageError(
            "this needs DuckDB, which is not installed",
            remedy="install it beside the lab: pip install duckdb",
        ) from error


def _rows(root: Path, *, say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    for path in sorted(header.parent for header in root.glob(f"*/{HEADER}")):
        if path.name == LAST:
            continue
        try:
            run = Run.load(path)
        except LabError as error:
            say(f"left out: {path.name}: {error.problem}")
            continue
        valid = set(map(id, run.valid_samples))
        about = {
            "run": path.name,
            "created": run.header.created.replace(tzinfo=None),
            "topology": run.header.topology,
            "profile": run.header.plan.profile,
            "accelerator": run.environment.accelerator if run.environment else None,
        }
        for sample in run.samples:
            yield about | _of_sample(sample, is_valid=id(sample) in valid)


def _of_sample(sample: Sample, *, is_valid: bool) -> dict[str, Any]:
    cell = Cell.parse(sample.cell)
    same = ("value", "round", "position", "boot", "attempt", "scenario", "started", "elapsed_s")
    return {
        "cell": sample.cell,
        "network": cell.network,
        "storage": cell.storage,
        "runtime": cell.runtime,
        "variant": cell.variant,
        "metric": sample.metric.name,
        "unit": sample.metric.unit,
        "better": sample.metric.better,
        **{name: getattr(sample, name) for name in same},
        "is_valid": is_valid,
        "is_contaminated": judge(sample.noise).is_contaminated,
        "noise": sample.noise,
        "conditions": sample.conditions,
    }
