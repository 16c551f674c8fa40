"""`lab rerun` and `lab reproduce`: a run, or some of its cells, once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.verbs.parser import A_RUN, A_RUN_OR_LAST, OK, Group, add_output, screen

if TYPE_CHECKING:
    import argparse

    from lab.run import Run
    from lab.verbs.parser import Verbs


def add(verbs: Verbs) -> None:
    """Offer them."""
    rerun = verbs.add(
        "rerun", _rerun, "make a run once more; with --failed only what failed", group=Group.MEASURE
    )
    rerun.add_argument("run", metavar="RUN", nargs="?", default="last", help=A_RUN_OR_LAST)
    rerun.add_argument("--failed", action="store_true", help="only the cells of boots that failed")
    reproduce = verbs.add(
        "reproduce",
        _reproduce,
        "make a run once more, under the same conditions or not at all",
        group=Group.MEASURE,
    )
    reproduce.add_argument("run", metavar="RUN", help=A_RUN)
    reproduce.add_argument("cell", metavar="CELL", nargs="?", help="only this one of its cells")
    reproduce.add_argument(
        "--force", action="store_true", help="make it under other conditions, and say which"
    )
    for one in (rerun, reproduce):
        add_output(one, "where the run is")


def _rerun(arguments: argparse.Namespace) -> int:
    from lab import again  # noqa: PLC0415 - the quick verbs must stay quick

    run = _run(arguments)
    cells = again.failed_cells(run) if arguments.failed else again.chosen_cells(run, None)
    if not cells:
        print(f"nothing to do: nothing failed in {run.header.id}")
        return OK
    from lab.campaign import run_matrix  # noqa: PLC0415

    print(f"once more, as in {run.header.id}: {', '.join(cells)}")
    return run_matrix(again.wishes(run, cells), screen())


def _reproduce(arguments: argparse.Namespace) -> int:
    from lab import again  # noqa: PLC0415

    run = _run(arguments)
    cells = again.chosen_cells(run, arguments.cell)
    from lab.campaign import reproduce  # noqa: PLC0415

    return reproduce(run, again.wishes(run, cells), screen(), is_forced=arguments.force)


def _run(arguments: argparse.Namespace) -> Run:
    from lab.run import Run, find_run  # noqa: PLC0415

    return Run.load(find_run(arguments.output, arguments.run))
