"""The verbs about what is up: bring it up, see how it is, take it down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.errors import UsageError
from lab.options import WITHOUT
from lab.verbs.parser import BAD, OK, Group, add_options, wishes_of

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from lab.labs import LabRecord
    from lab.options import Wishes
    from lab.verbs.parser import Verbs


def add(verbs: Verbs) -> None:
    """Offer them."""
    up = verbs.add("up", _up, "bring the topology up and leave it up", group=Group.BENCH)
    add_options(up, without=WITHOUT["up"])
    down = verbs.add("down", _down, "take down what is up and in nobody's use", group=Group.BENCH)
    down.add_argument("lab", metavar="LAB", nargs="?", help="this one, even while somebody uses it")
    verbs.add(
        "status",
        _status,
        "say what is up, in whose hands, and who has this machine",
        group=Group.BENCH,
    )
    collecting = verbs.add("gc", _gc, "remove what dead runs have left", group=Group.BENCH)
    collecting.add_argument("--dry-run", action="store_true", help="only say what it would remove")


def _up(arguments: argparse.Namespace) -> int:
    wishes = wishes_of(arguments)
    if standing := _standing(wishes):
        print(f"nothing to do: {standing.id} is up: {standing.ways_in}")
        return OK

    from lab.campaign import bring_up_alone  # noqa: PLC0415

    record = bring_up_alone(wishes, say=print)
    print(f"{record.id} is up: {record.ways_in}")
    return OK


def _standing(wishes: Wishes) -> LabRecord | None:
    """The lab that is up already as wished; one with a node that is down is taken down."""
    from lab import status  # noqa: PLC0415
    from lab.loader import load_topology  # noqa: PLC0415

    if wishes.artefact_options:  # of these no record says anything
        return None
    record = status.standing(load_topology(wishes.topology), accel=wishes.accel)
    if record is None:
        return None
    lost = [name for name in record.names if name not in status.running(record)]
    if not lost:
        return record
    from lab.takedown import take_down  # noqa: PLC0415

    print(f"{record.id} is taken down: {', '.join(lost)} of it runs no more")
    take_down(record.folder)
    return None


def _down(arguments: argparse.Namespace) -> int:
    from lab.labs import Hands, hands_of, records  # noqa: PLC0415

    folders = _named(arguments.lab) if arguments.lab is not None else []
    if arguments.lab is None:
        for folder, record in records():
            if hands_of(folder, record) is Hands.ALIVE:
                print(f"{folder.name} stays: it is in use; `lab down {folder.name}` ends it")
            else:
                folders.append(folder)
    if not folders:
        print("nothing to do: no lab is up that is in nobody's use")
        return OK
    from lab.takedown import take_down  # noqa: PLC0415 - libvirt is slow to import

    for folder in folders:
        take_down(folder)
        print(f"{folder.name} is down")
    return OK


def _named(name: str) -> list[Path]:
    from lab.labs import labs_dir, records  # noqa: PLC0415

    folder = labs_dir() / name
    if folder not in dict(records()):
        raise UsageError(f"there is no lab {name!r}", remedy="`lab status` lists them")
    return [folder]


def _status(_arguments: argparse.Namespace) -> int:
    from lab.status import lines  # noqa: PLC0415

    for line in lines():
        print(line)
    return OK


def _gc(arguments: argparse.Namespace) -> int:
    from lab import gc  # noqa: PLC0415
    from lab.units import Unit, count, format_value  # noqa: PLC0415
    from lab.virt.connection import default_uri  # noqa: PLC0415

    work = gc.survey if arguments.dry_run else gc.collect
    done = work(default_uri(), say=print)
    for line in done.left:
        print(line)
    if arguments.dry_run:
        is_left = count(len(done.stuck), "thing") + (" is" if len(done.stuck) == 1 else " are")
        print(f"{is_left if done.stuck else 'nothing is'} left behind")
    else:
        freed = format_value(done.freed_bytes, Unit.BYTE)
        print(f"{len(done.removed)} things were removed, {freed} freed")
        for line in done.stuck:
            print(f"stuck: {line}")
    for line in done.problems:
        print(line)
    return OK if done.is_clean else BAD
