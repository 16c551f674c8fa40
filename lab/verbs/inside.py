"""`lab shell` and `lab logs`: into a node or a sandbox, and what it said."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

from lab.errors import HostError, SandboxError, UsageError
from lab.verbs.parser import OK, Group, add_output

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

    from lab.runtime.guest_agent import GuestAgent
    from lab.verbs.parser import Verbs

LAST_LINES = 200


def add(verbs: Verbs) -> None:
    """Offer them."""
    shell = verbs.add("shell", _shell, "log in to a node or a sandbox", group=Group.BENCH)
    shell.add_argument("name", metavar="NODE|SANDBOX", help="a node, a boot, a cell, or the peer")
    logs = verbs.add("logs", _logs, "show what a node or a sandbox has said", group=Group.BENCH)
    logs.add_argument(
        "name", metavar="NODE|BOOT", nargs="?", help="whose console; without it they are listed"
    )
    logs.add_argument(
        "-f", "--follow", action="store_true", help="go on with what is still to come"
    )
    logs.add_argument(
        "-n", "--lines", type=int, metavar="N", help=f"the last N ({LAST_LINES}; 0 is all of it)"
    )
    logs.add_argument(
        "--run", metavar="RUN", default="last", help="the run whose consoles are meant"
    )
    add_output(logs, "where the runs are")


def _shell(arguments: argparse.Namespace) -> int:
    from lab import labs  # noqa: PLC0415

    try:
        return _become(labs.find_node(arguments.name).access.ssh())
    except UsageError:
        if not any(record for _, record in labs.records()):
            raise  # nothing is up at all
    from lab import inside  # noqa: PLC0415 - it imports the runtimes

    way = inside.find(arguments.name)
    print(f"{way.name} is {way.cell}, on {way.node.name} of {way.lab.id}", file=sys.stderr)
    return _become(way.argv) if way.agent is None else _converse(way.name, way.agent)


def _become(argv: list[str]) -> NoReturn:
    """Give the user's own terminal to another program."""
    os.execvp(argv[0], argv)  # noqa: S606


def _converse(name: str, socket: Path) -> int:
    from lab.runtime import guest_shell  # noqa: PLC0415
    from lab.runtime.guest_agent import GuestAgent  # noqa: PLC0415

    agent = GuestAgent(socket)
    try:
        _connect(agent, timeout_s=guest_shell.CONNECT_TIMEOUT_S)
        print(guest_shell.GREETING, file=sys.stderr)
        guest_shell.converse(agent, _lines(f"{name}> "), say=print)
    finally:
        agent.close()
    return OK


def _connect(agent: GuestAgent, *, timeout_s: float) -> None:
    try:
        agent.connect(timeout_s=timeout_s)
    except SandboxError as error:
        raise HostError(
            f"{error.problem}: an agent speaks with one at a time, and its run may be the one",
            remedy="wait until the run stands still: `lab matrix --pause-on fail`",
        ) from error


def _lines(prompt: str) -> Iterator[str]:
    """What is typed, or piped in, line by line."""
    while True:
        try:
            yield input(prompt if sys.stdin.isatty() else "")
        except EOFError:
            return


def _logs(arguments: argparse.Namespace) -> int:
    from lab import consoles  # noqa: PLC0415
    from lab.text import clean  # noqa: PLC0415

    among = consoles.known(arguments.output, arguments.run)
    if arguments.name is None:
        for name, path in among.items():
            print(f"{name}  {path}")
        if not among:
            print("there are no consoles: no lab is up, and there is no run")
        return OK
    path = consoles.find(arguments.name, among)
    lines = LAST_LINES if arguments.lines is None else arguments.lines
    # What a guest says may hold what a terminal obeys.
    print(clean(consoles.tail(path, lines or None)), end="")
    if arguments.follow:
        for text in consoles.follow(path):
            print(clean(text), end="", flush=True)
    return OK
