"""The verbs about runs that are there: compare, merge, history; and the nights that make more."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from lab.errors import UsageError
from lab.options import OPTIONS, Wishes

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    Add = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]

RESULTS = Path("results")
OK = 0
UNBOUND_COLUMNS = 160
"""How wide a table is in a file."""


def add_verbs(add: Add) -> None:
    """Offer the verbs of this module through *add*: name, function, meaning."""
    compare = add("compare", _compare, "say what changed from one run to another")
    compare.add_argument("one", metavar="BEFORE")
    compare.add_argument("other", metavar="AFTER")
    compare.add_argument("--markdown", action="store_true", help="write Markdown, not a table")
    compare.add_argument(
        "--force", action="store_true", help="compare what is not comparable, and say so"
    )
    _add_allow(compare)
    merge = add("merge", _merge, "join the runs of several shards into one")
    merge.add_argument("runs", metavar="RUN", nargs="+")
    merge.add_argument("--output", type=Path, default=RESULTS, metavar="FOLDER")
    _add_allow(merge)
    nightly = add("nightly", _nightly, "measure, screen against history, confirm, and tell")
    for option in OPTIONS:
        nightly.add_argument(
            option.flag,
            dest=option.name,
            metavar=option.metavar or "|".join(option.choices),
            help=option.meaning,
        )
    nightly.add_argument(
        "--known", type=Path, metavar="FILE", help="regressions that somebody has taken on"
    )
    nightly.add_argument(
        "--copy", type=Path, metavar="FOLDER", help="where a pipeline finds the reports"
    )
    _add_allow(nightly)
    _add_history(add("history", _history_list, "look at what is known of earlier runs"))


def _add_history(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, default=RESULTS, metavar="FOLDER", dest="root")
    verbs = parser.add_subparsers(metavar="VERB")

    def add(
        name: str, verb: Callable[[argparse.Namespace], int], meaning: str
    ) -> argparse.ArgumentParser:
        one: argparse.ArgumentParser = verbs.add_parser(name, help=meaning, description=meaning)
        one.set_defaults(verb=verb)
        return one

    add("list", _history_list, "one line a run")
    add("changes", _history_changes, "where levels have changed in the epoch of the last night")
    add("rebuild", _history_rebuild, "make the index anew from the runs")
    add("export", _history_export, "write all samples as Parquet (needs DuckDB)").add_argument(
        "--parquet", type=Path, required=True, metavar="FOLDER"
    )
    add("sql", _history_sql, "ask SQL of the table samples (needs DuckDB)").add_argument("query")


def _add_allow(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="FACT",
        help="a fact that may differ, by the name that a refusal gives it",
    )


def _compare(arguments: argparse.Namespace) -> int:
    from lab.comparability import require  # noqa: PLC0415 - the quick verbs must stay quick
    from lab.compare import between  # noqa: PLC0415
    from lab.report import between as shown  # noqa: PLC0415
    from lab.run import Run, find_run  # noqa: PLC0415

    runs = [Run.load(find_run(RESULTS, name)) for name in (arguments.one, arguments.other)]
    if not arguments.force:
        remedy = "compare runs of the same, let it with --allow FACT, or add --force"
        require(runs, allowed=arguments.allow, remedy=remedy)
    found = between(*runs, allowed=arguments.allow)
    if arguments.markdown:
        print(shown.render(found), end="")
        return OK
    console = _console()
    for line in shown.lines(found):
        console.print(line, soft_wrap=True)
    console.print(shown.table(found))
    return OK


def _merge(arguments: argparse.Namespace) -> int:
    from lab import report  # noqa: PLC0415
    from lab.merge import merge  # noqa: PLC0415
    from lab.run import Run, find_run  # noqa: PLC0415

    runs = [Run.load(find_run(arguments.output, name)) for name in arguments.runs]
    path = merge(runs, arguments.output, allowed=arguments.allow)
    report.write(path)
    print(path / "report.html")
    return OK


def _nightly(arguments: argparse.Namespace) -> int:
    from lab.nightly import run_nightly  # noqa: PLC0415

    wishes = Wishes.read(lambda name: getattr(arguments, name))
    return run_nightly(
        wishes,
        _console(),
        known_file=arguments.known,
        allowed=arguments.allow,
        copy_to=arguments.copy,
    )


def _history_list(arguments: argparse.Namespace) -> int:
    from lab.history.index import open_history  # noqa: PLC0415
    from lab.report.night import headline  # noqa: PLC0415

    entries = open_history(arguments.root, say=print)
    for entry in entries:
        night = f"night: {headline(entry.night.events)}" if entry.night else ""
        print(f"{entry.run}  {entry.topology}, {entry.status}  {night}".rstrip())
    if not entries:
        print(f"there are no runs in {arguments.root}")
    return OK


def _history_changes(arguments: argparse.Namespace) -> int:
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


def _history_rebuild(arguments: argparse.Namespace) -> int:
    from lab.history.index import INDEX, open_history  # noqa: PLC0415

    (arguments.root / INDEX).unlink(missing_ok=True)
    entries = open_history(arguments.root, say=print)
    print(f"{len(entries)} runs are in {arguments.root / INDEX}")
    return OK


def _history_export(arguments: argparse.Namespace) -> int:
    from lab.history.export import parquet  # noqa: PLC0415

    print(parquet(arguments.root, arguments.parquet, say=print))
    return OK


def _history_sql(arguments: argparse.Namespace) -> int:
    from lab.history.export import ask  # noqa: PLC0415

    columns, rows = ask(arguments.root, arguments.query, say=print)
    _console().print(_table(columns, rows))
    return OK


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(str, row))
    return table


def _console() -> Console:
    """The terminal; whoever is none has room for a table."""
    width = None if sys.stdout.isatty() else UNBOUND_COLUMNS
    return Console(highlight=False, markup=False, width=width)
