"""The verbs that measure, or say what measuring would take."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lab.errors import UsageError
from lab.options import OPTIONS, WITHOUT, share
from lab.verbs.parser import OK, Group, add_allow, add_options, console, screen, wishes_of

if TYPE_CHECKING:
    import argparse

    from lab.options import Wishes
    from lab.verbs.parser import Verbs


def add(verbs: Verbs) -> None:
    """Offer them."""
    matrix = verbs.add(
        "matrix", _matrix, "measure every cell, and write the report", group=Group.MEASURE
    )
    add_options(matrix)
    matrix.add_argument(
        "--pause-on",
        choices=("never", "fail"),
        default="never",
        metavar="never|fail",
        help="stand still where something failed, before the sandbox ends; on a terminal only",
    )
    matrix.add_argument("--resume", metavar="RUN", help="go on with a run where it stopped")
    matrix.add_argument(
        "--force", action="store_true", help="also if lock, code or host are not what they were"
    )
    plan = verbs.add(
        "plan",
        _plan,
        "say what a run would do, cost and tell apart; start nothing",
        group=Group.MEASURE,
    )
    add_options(plan, without=WITHOUT["plan"])
    plan.add_argument("--precision", metavar="2%", help="how well results are to be known")
    plan.add_argument("--json", action="store_true", help="all of it, for programs")
    conformance = verbs.add(
        "conformance",
        _conformance,
        "run upstream's own tests against containerd's handlers",
        group=Group.MEASURE,
    )
    add_options(conformance, without=WITHOUT["conformance"])
    conformance.add_argument("--focus", metavar="REGEX", help="only tests with such a name")
    nightly = verbs.add(
        "nightly",
        _nightly,
        "measure, screen against history, confirm, and tell",
        group=Group.MEASURE,
    )
    add_options(nightly)
    nightly.add_argument(
        "--known", type=Path, metavar="FILE", help="regressions that somebody has taken on"
    )
    nightly.add_argument(
        "--copy", type=Path, metavar="FOLDER", help="where a pipeline finds the reports"
    )
    add_allow(nightly)


def _matrix(arguments: argparse.Namespace) -> int:
    wishes = wishes_of(arguments)
    if arguments.resume is not None:
        return _resumed(wishes, arguments)
    if arguments.force:
        raise UsageError("--force: there is nothing to force", remedy="add --resume RUN")
    from lab.campaign import run_matrix  # noqa: PLC0415 - the quick verbs must stay quick

    return run_matrix(wishes, screen(), pauses=arguments.pause_on == "fail")


def _resumed(wishes: Wishes, arguments: argparse.Namespace) -> int:
    from lab.campaign import resume_matrix  # noqa: PLC0415
    from lab.resume import MAY_BE_SAID  # noqa: PLC0415

    for option in OPTIONS:
        if option.flag not in MAY_BE_SAID and getattr(arguments, option.name) is not None:
            raise UsageError(
                f"{option.flag}: what goes on with --resume is as it began",
                remedy=f"leave out {option.flag}, or --resume",
            )
    return resume_matrix(wishes, screen(), arguments.resume, is_forced=arguments.force)


def _plan(arguments: argparse.Namespace) -> int:
    from lab.forecast import text  # noqa: PLC0415
    from lab.preview import preview  # noqa: PLC0415

    wishes = wishes_of(arguments)
    precision = share("--precision", arguments.precision)
    found = preview(wishes, precision=precision, say=lambda line: print(line, file=sys.stderr))
    print(text.as_json(found) if arguments.json else text.render(found), end="")
    return OK


def _conformance(arguments: argparse.Namespace) -> int:
    from lab.conformance import run_conformance  # noqa: PLC0415

    wishes = wishes_of(arguments)
    return run_conformance(wishes, screen(), focus=arguments.focus)


def _nightly(arguments: argparse.Namespace) -> int:
    from lab.nightly import run_nightly  # noqa: PLC0415

    wishes = wishes_of(arguments)
    return run_nightly(
        wishes,
        console(),
        known_file=arguments.known,
        allowed=arguments.allow,
        copy_to=arguments.copy,
    )
