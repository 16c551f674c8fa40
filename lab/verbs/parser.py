"""How verbs are offered: in groups that help shows, each with its function and its options."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from lab.errors import UsageError
from lab.options import OPTIONS, Wishes, section_of
from lab.verbs.refusals import Parser

if TYPE_CHECKING:
    from collections.abc import Collection, Generator

    from rich.console import Console

Verb = Callable[[argparse.Namespace], int]
"""What a verb does; it returns the exit status."""

OK, BAD, USAGE, INTERRUPTED = 0, 1, 2, 130
RESULTS = Path("results")
A_RUN = "a run: its name, its folder, or `last`"
A_RUN_OR_LAST = f"{A_RUN} (the default)"
UNBOUND_COLUMNS = 160
"""How wide a table is in a file."""


class Group(StrEnum):
    """What a verb is for; in the order of help."""

    MEASURE = "measure"
    LOOK = "look"
    BENCH = "bench"
    SET_UP = "set-up"


class Verbs:
    """The verbs of one command, or of one of its verbs."""

    def __init__(self, parser: argparse.ArgumentParser, *, required: bool = True) -> None:
        self._verbs = parser.add_subparsers(
            title="verbs", required=required, metavar="VERB", dest=argparse.SUPPRESS
        )

    def add(
        self, name: str, verb: Verb, meaning: str, *, group: Group | None = None
    ) -> argparse.ArgumentParser:
        """Offer *verb* as *name*; what it can be told is to be added to the parser returned."""
        one: argparse.ArgumentParser = self._verbs.add_parser(
            name, help=meaning, description=f"{meaning[:1].upper()}{meaning[1:]}."
        )
        one.set_defaults(verb=verb)
        if group is not None:
            _GROUP_OF[name] = group
        return one


_VERB_INDENT = 4


class _Grouped(argparse.HelpFormatter):
    """Shows the verbs under the names of their groups."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=18)
        # argparse does not count how far a group moves its verbs in: the longest had a line alone.
        self._action_max_length = _VERB_INDENT + max(map(len, _GROUP_OF), default=0)

    def _iter_indented_subactions(
        self, action: argparse.Action
    ) -> Generator[argparse.Action, None, None]:
        every = list(super()._iter_indented_subactions(action))
        if not every or any(each.dest not in _GROUP_OF for each in every):
            yield from every
            return
        for group in Group:
            yield argparse.Action([], group, help="", metavar=f"{group}:")
            self._indent()
            yield from (each for each in every if _GROUP_OF[each.dest] is group)
            self._dedent()


class _Version(argparse.Action):
    """Says the version, and the digest of the code as the records of a run have it; and ends."""

    def __call__(self, *_said: object, **_how: object) -> NoReturn:
        """Whatever else the command line says."""
        from lab import __version__, source  # noqa: PLC0415 - every file is read for it

        print(f"lab {__version__} (code {source.digest()})")
        raise SystemExit(OK)


_GROUP_OF: dict[str, Group] = {}
"""By the name of a verb."""


def new_parser() -> argparse.ArgumentParser:
    """The parser of the command line, still without verbs."""
    parser = Parser(
        prog="lab",
        description="Measures Kata's networks and storages on a node of this machine.",
        epilog="`lab VERB --help` says what a verb can be told. Results are in ./results, of the"
        " folder where the lab is called.",
        formatter_class=_Grouped,
    )
    parser.add_argument("--verbose", action="store_true", help="say every command that is run")
    parser.add_argument(
        "--version", action=_Version, nargs=0, help="say which lab this is, and its code"
    )
    return parser


def add_options(parser: argparse.ArgumentParser, *, without: Collection[str] = ()) -> None:
    """Offer the options of a run, *without* some, under the titles of their sections."""
    offered = [option for option in OPTIONS if option.flag not in without]
    groups = {title: parser.add_argument_group(title) for title in map(section_of, offered)}
    for option in offered:
        groups[section_of(option)].add_argument(
            option.flag,
            dest=option.name,
            metavar=option.metavar or "|".join(option.choices),
            help=option.meaning,
        )


def wishes_of(arguments: argparse.Namespace) -> Wishes:
    """The options of a run that were said; one that is not offered was not."""
    return Wishes.read(lambda name: getattr(arguments, name, None))


def add_allow(parser: argparse.ArgumentParser) -> None:
    """Offer to let facts differ that must be equal."""
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="FACT",
        help="a fact that may differ, by the name that a refusal gives it",
    )


def add_output(parser: argparse.ArgumentParser, meaning: str) -> None:
    """Offer another folder of runs, which must be there."""
    parser.add_argument("--output", type=_folder, default=RESULTS, metavar="FOLDER", help=meaning)


def _folder(name: str) -> Path:
    path = Path(name)
    if not path.is_dir():
        raise UsageError(
            f"--output: there is no folder {name}",
            remedy=f"name one with runs in it; without --output it is {RESULTS}/",
        )
    return path


def console() -> Console:
    """The terminal; whoever is none has room for a table."""
    from rich.console import Console  # noqa: PLC0415 - the quick verbs must stay quick

    width = None if sys.stdout.isatty() else UNBOUND_COLUMNS
    return Console(highlight=False, markup=False, width=width)


def screen() -> Console:
    """Where a run says how it goes on."""
    from rich.console import Console  # noqa: PLC0415

    return Console(highlight=False, markup=False)
