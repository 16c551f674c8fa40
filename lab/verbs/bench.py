"""The verbs about what is up: bring it up, look at it, take it down."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lab.errors import UsageError
from lab.options import Wishes
from lab.verbs.parser import BAD, OK, Group, add_options

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from lab.verbs.parser import Verbs


def add(verbs: Verbs) -> None:
    """Offer them."""
    add_options(verbs.add("up", _up, "bring the topology up and leave it up", group=Group.BENCH))
    down = verbs.add("down", _down, "take down what is up and in nobody's use", group=Group.BENCH)
    down.add_argument("lab", nargs="?", help="one lab, whoever uses it")
    verbs.add(
        "status",
        _status,
        "say what is up, in whose hands, and who has this machine",
        group=Group.BENCH,
    )
    collecting = verbs.add("gc", _gc, "remove what dead runs have left", group=Group.BENCH)
    collecting.add_argument("--dry-run", action="store_true", help="only say what it would remove")
    verbs.add("shell", _shell, "log in to a node", group=Group.BENCH).add_argument("node")


def _up(arguments: argparse.Namespace) -> int:
    from lab.campaign import bring_up_alone  # noqa: PLC0415

    wishes = Wishes.read(lambda name: getattr(arguments, name))
    record = bring_up_alone(wishes, say=print)
    print(f"{record.id} is up: {record.ways_in}")
    return OK


def _down(arguments: argparse.Namespace) -> int:

    folders = _labs(arguments.lab)
    for folder in folders:
        take_down(folder)
        print(f"{folder.name} is down")
    if not folders:
        print("no lab is up")
    return OK


def _status(_arguments: argparse.Namespace) -> int:
    from lab.status import lines  # noqa: PLC0415

    for line in lines():
        print(line)
    return OK


def _gc(arguments: argparse.Namespace) -> int:
    from lab import gc  # noqa: PLC0415
    from lab.units import Unit, format_value  # noqa: PLC0415
    from lab.virt.connection import default_uri  # noqa: PLC0415

    work = gc.survey if arguments.dry_run else gc.collect
    done = work(default_uri(), say=print)
    for line in done.left:
        print(line)
    if arguments.dry_run:
        print(f"{len(done.stuck)} things are left behind")
    else:
        freed = format_value(done.freed_bytes, Unit.BYTE)
        print(f"{len(done.removed)} things were removed, {freed} freed")
        for line in done.stuck:
            print(f"stuck: {line}")
    for line in done.problems:
        print(line)
    return OK if done.is_clean else BAD


def _shell(arguments: argparse.Namespace) -> int:
    from lab.labs import find_node  # noqa: PLC0415

    ssh = find_node(arguments.node).reopen().access.ssh()
    os.execvp(ssh[0], ssh)  # noqa: S606 - the user's own terminal goes to the node


def _labs(name: str | None) -> list[Path]:
    from lab.labs import Hands, hands_of, labs_dir, records  # noqa: PLC0415

    if name is not None:
        folder = labs_dir() / name
        if folder not in dict(records()):
            raise UsageError(f"there is no lab {name!r}", remedy="`lab status` lists them")
        return [folder]
    return [folder for folder, record in records() if hands_of(folder, record) is not Hands.ALIVE]
