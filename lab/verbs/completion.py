"""`lab completion SHELL`: what lets a shell complete the command line, and what it asks for."""

from __future__ import annotations

import argparse
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from lab.options import OPTIONS
from lab.verbs.parser import OK, RESULTS, Group

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.verbs.parser import Verbs

SHELLS = ("bash", "zsh", "fish")


class Names(StrEnum):
    """What there are names of that only the moment of asking tells."""

    TOPOLOGIES = "topologies"
    CELLS = "cells"
    RUNS = "runs"
    LABS = "labs"
    NODES = "nodes"
    CONSOLES = "consoles"


_WANTED = {
    "lab_topology": Names.TOPOLOGIES,
    "topology": Names.TOPOLOGIES,
    "files": Names.TOPOLOGIES,
    "lab_cells": Names.CELLS,
    "CELL": Names.CELLS,
    "RUN": Names.RUNS,
    "BEFORE": Names.RUNS,
    "AFTER": Names.RUNS,
    "LAB": Names.LABS,
    "NODE|SANDBOX": Names.NODES,
    "NODE|BOOT": Names.CONSOLES,
}
"""By what an argument is called, in help or in the code."""
_FILES = {"FILE": "FILE", "FOLDER": "DIRECTORY", "DIR": "DIRECTORY"}
_CHOICES = {option.name: option.choices for option in OPTIONS if option.choices}


def add(verbs: Verbs) -> None:
    """Offer it."""
    one = verbs.add(
        "completion",
        _completion,
        "print what lets a shell complete this command",
        group=Group.SET_UP,
    )
    one.formatter_class = argparse.RawDescriptionHelpFormatter
    one.epilog = (
        "bash:  lab completion bash >~/.local/share/bash-completion/completions/lab\n"
        "zsh:   lab completion zsh >~/.zfunc/_lab    (fpath+=~/.zfunc before compinit)\n"
        "fish:  lab completion fish >~/.config/fish/completions/lab.fish"
    )
    what = one.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "shell",
        nargs="?",
        choices=SHELLS,
        metavar="|".join(SHELLS),
        help="the shell that is to read it",
    )
    what.add_argument(
        "--names",
        choices=tuple(Names),
        metavar="|".join(Names),
        help="print names that there are, a line each",
    )


def _completion(arguments: argparse.Namespace) -> int:
    if arguments.names is not None:
        for name in _NAMES[arguments.names]():
            print(name)
        return OK
    from lab.verbs import parser  # noqa: PLC0415 - this room, which is complete by now

    print(script(parser(), arguments.shell), end="")
    return OK


def script(whole: argparse.ArgumentParser, shell: str) -> str:
    """What *shell* is to read to complete the command line of *whole*."""
    import shtab  # noqa: PLC0415 - nobody else needs it

    for action in _actions(whole):
        called = (action.dest, str(action.metavar))
        if names := next((_WANTED[word] for word in called if word in _WANTED), None):
            _complete(action, shtab.cmd(f"lab completion --names {names} 2>/dev/null"))
        elif action.dest in _CHOICES:
            action.choices = _CHOICES[action.dest]
        elif (word := str(action.metavar)) in _FILES:
            _complete(action, getattr(shtab, _FILES[word]))
    text: str = shtab.complete(whole, shell=shell)
    return f"{text.rstrip()}\n"


def _complete(action: argparse.Action, how: object) -> None:
    """Tell shtab, which reads it from the action itself."""
    vars(action)["complete"] = how


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # noqa: SLF001 - nothing public lists them
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for below in action.choices.values():
                yield from _actions(below)


def _topologies() -> Iterator[str]:
    from lab.places import TOPOLOGIES  # noqa: PLC0415

    yield from sorted(path.stem for path in TOPOLOGIES.glob("*.toml"))
    for path in sorted(Path().glob("*.toml")):
        if path.is_file() and b"[[node]]" in path.read_bytes():
            yield str(path)


def _cells() -> Iterator[str]:
    from lab.matrix import every_cell  # noqa: PLC0415

    yield from map(str, every_cell())


def _runs() -> Iterator[str]:
    from lab.store import HEADER  # noqa: PLC0415

    yield from sorted((path.parent.name for path in RESULTS.glob(f"*/{HEADER}")), reverse=True)


def _labs() -> Iterator[str]:
    from lab.labs import records  # noqa: PLC0415

    yield from (folder.name for folder, _ in records())


def _nodes() -> Iterator[str]:
    from lab.labs import records  # noqa: PLC0415

    found = [record for _, record in records() if record]
    yield from dict.fromkeys(
        name for record in found for name in (*record.names, *_sandboxes(record.run))
    )


def _sandboxes(run: str) -> Iterator[str]:
    """What a run's sandboxes can be called; which of them are up only its nodes could tell."""
    from lab.errors import LabError  # noqa: PLC0415
    from lab.plan import PEER_NAME  # noqa: PLC0415
    from lab.run_files import read_header  # noqa: PLC0415
    from lab.store import HEADER  # noqa: PLC0415

    if not run:
        return
    try:
        plan = read_header(Path(run) / HEADER).plan
    except LabError:  # it is not there any more
        return
    yield from (PEER_NAME, *plan.cell_names, *(boot.id for boot in plan.order))


def _consoles() -> Iterator[str]:
    from lab.consoles import known  # noqa: PLC0415

    yield from known(RESULTS, "last")


_NAMES = {
    Names.TOPOLOGIES: _topologies,
    Names.CELLS: _cells,
    Names.RUNS: _runs,
    Names.LABS: _labs,
    Names.NODES: _nodes,
    Names.CONSOLES: _consoles,
}
