"""The verbs that look at runs that are there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lab.verbs.parser import (
    A_RUN,
    A_RUN_OR_LAST,
    BAD,
    OK,
    RESULTS,
    Group,
    add_allow,
    add_output,
    console,
)

if TYPE_CHECKING:
    import argparse

    from lab.verbs.parser import Verbs

WIDTH = 80


def add(verbs: Verbs) -> None:
    """Offer them."""
    verbs.add("report", _report, "write a run's report again", group=Group.LOOK).add_argument(
        "run", metavar="RUN", nargs="?", default="last", help=A_RUN_OR_LAST
    )
    compare = verbs.add(
        "compare", _compare, "say what changed from one run to another", group=Group.LOOK
    )
    compare.add_argument("one", metavar="BEFORE", help=A_RUN)
    compare.add_argument("other", metavar="AFTER", help="another, which is read against it")
    compare.add_argument("--markdown", action="store_true", help="write Markdown, not a table")
    compare.add_argument("--html", type=Path, metavar="FILE", help="write a page beside it")
    compare.add_argument(
        "--force", action="store_true", help="compare what is not comparable, and say so"
    )
    add_allow(compare)
    merge = verbs.add("merge", _merge, "join the runs of several shards into one", group=Group.LOOK)
    merge.add_argument("runs", metavar="RUN", nargs="+", help=A_RUN)
    add_output(merge, "where the runs are")
    add_allow(merge)
    verify = verbs.add(
        "verify",
        _verify,
        "say which cells of the default matrix no run shows whole",
        group=Group.LOOK,
    )
    verify.add_argument("runs", metavar="RUN", nargs="*", help=A_RUN_OR_LAST)
    verify.add_argument("--cells", action="store_true", help="print their names for --cells")


def _report(arguments: argparse.Namespace) -> int:
    from lab import report  # noqa: PLC0415
    from lab.run import find_run  # noqa: PLC0415

    path = find_run(RESULTS, arguments.run)
    report.write(path)
    print(path / "report.html")
    return OK


def _verify(arguments: argparse.Namespace) -> int:
    from lab.acceptance import shortcomings  # noqa: PLC0415
    from lab.run import Run, find_run  # noqa: PLC0415
    from lab.text import clean, wrapped  # noqa: PLC0415
    from lab.units import count  # noqa: PLC0415

    names = arguments.runs or ["last"]
    found = shortcomings([Run.load(find_run(RESULTS, name)) for name in names])
    if arguments.cells:
        print(",".join(map(str, found)))
        return OK
    for line in (line for lines in found.values() for line in lines):
        print("\n".join(wrapped(clean(line), width=WIDTH, further="  ")))
    lack = "lacks" if len(found) == 1 else "lack"
    print(f"{count(len(found), 'cell')} {lack} something" if found else "no cell lacks anything")
    return BAD if found else OK


def _compare(arguments: argparse.Namespace) -> int:
    from lab.comparability import require  # noqa: PLC0415 - the quick verbs must stay quick
    from lab.compare import between  # noqa: PLC0415
    from lab.report import between as shown  # noqa: PLC0415
    from lab.run import Run, find_run  # noqa: PLC0415

    one, other = (Run.load(find_run(RESULTS, name)) for name in (arguments.one, arguments.other))
    if not arguments.force:
        remedy = "compare runs of the same, let it with --allow FACT, or add --force"
        require((one, other), allowed=arguments.allow, remedy=remedy)
    found = between(one, other, allowed=arguments.allow)
    if arguments.html:
        from lab.report import pair  # noqa: PLC0415
        from lab.store import write_report  # noqa: PLC0415

        write_report(arguments.html, pair.render(one, other, found))
    if arguments.markdown:
        print(shown.render(found), end="")
        return OK
    table = console()
    for line in shown.lines(found):
        table.print(line, soft_wrap=True)
    table.print(shown.table(found, width=table.width))
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
