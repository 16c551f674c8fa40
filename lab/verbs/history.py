"""`lab history`: what is known of earlier runs, all together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lab.errors import UsageError
from lab.verbs.parser import OK, RESULTS, Group, Verbs, console

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from rich.table import Table


def add(verbs: Verbs) -> None:
    """Offer it."""
    history = verbs.add("history", _list, "look at what is known of earlier runs", group=Group.LOOK)
    history.add_argument(
        "--output",
        type=Path,
        default=RESULTS,
        metavar="FOLDER",
        dest="root",
        help="where the runs are",
    )
    below = Verbs(history, required=False)
    below.add("list", _list, "one line a run")
    below.add("changes", _changes, "where levels have changed in the epoch of the last night")
    below.add("rebuild", _rebuild, "make the index anew from the runs")
    below.add("export", _export, "write all samples as Parquet (needs DuckDB)").add_argument(
        "--parquet", type=Path, required=True, metavar="FOLDER", help="where it is written"
    )
    below.add("sql", _sql, "ask SQL of the table samples (needs DuckDB)").add_argument(
        "query", metavar="QUERY", help="one statement: SELECT cell, value FROM samples"
    )


def _list(arguments: argparse.Namespace) -> int:
    from lab.history.index import open_history  # noqa: PLC0415
    from lab.report.night import headline  # noqa: PLC0415

    entries = open_history(arguments.root, say=print)
    for entry in entries:
        night = f"night: {headline(entry.night.events)}" if entry.night else ""
        print(f"{entry.run}  {entry.topology}, {entry.status}  {night}".rstrip())
    if not entries:
        print(f"there are no runs in {arguments.root}")
    return OK


def _changes(arguments: argparse.Namespace) -> int:
    from lab.history.changes import changes  # noqa: PLC0415
    from lab.history.epochs import epoch_of  # noqa: PLC0415
    from lab.history.index import open_history  # noqa: PLC0415
    from lab.history.series import series_of  # noqa: PLC0415

    entries = open_history(arguments.root, say=print)
    nights = [entry for entry in entries if entry.night]
    if not nights:
        raise UsageError(f"there are no nights in {arguments.root}", remedy="make one: lab nightly")
    epoch = epoch_of(nights[-1], entries)
    found = changes((*epoch.nights, nights[-1]), series_of(nights[-1]))
    print("\n".join(found) or f"no change in {len(epoch.nights) + 1} nights")
    return OK


def _rebuild(arguments: argparse.Namespace) -> int:
    from lab.history.index import INDEX, open_history  # noqa: PLC0415

    (arguments.root / INDEX).unlink(missing_ok=True)
    entries = open_history(arguments.root, say=print)
    print(f"{len(entries)} runs are in {arguments.root / INDEX}")
    return OK


def _export(arguments: argparse.Namespace) -> int:
    from lab.history.export import parquet  # noqa: PLC0415

    print(parquet(arguments.root, arguments.parquet, say=print))
    return OK


def _sql(arguments: argparse.Namespace) -> int:
    from lab.history.export import ask  # noqa: PLC0415

    columns, rows = ask(arguments.root, arguments.query, say=print)
    console().print(_table(columns, rows))
    return OK


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    from rich.table import Table  # noqa: PLC0415

    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(str, row))
    return table
