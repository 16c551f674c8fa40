"""`lab artefacts`: gets what a cluster is made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lab.errors import UsageError
from lab.verbs.parser import OK, Group, Verbs

if TYPE_CHECKING:
    import argparse

    from lab.verbs.parser import Verb


def add(verbs: Verbs) -> None:
    """Offer them."""
    below = Verbs(
        verbs.add("artefacts", _verify, "get what a cluster is made of", group=Group.SET_UP)
    )

    def add_one(name: str, verb: Verb, meaning: str) -> argparse.ArgumentParser:
        one = below.add(name, verb, meaning)
        one.add_argument("--lock", type=Path, metavar="FILE", help="another lock than the lab's")
        return one

    lock = add_one("lock", _relock, "move the lock to what upstream has of what is wanted")
    add_one("fetch", _fetch, "put into the cache what it lacks")
    verify = add_one("verify", _verify, "read every file again and compare it with the lock")
    for one in (lock, verify):
        one.add_argument(
            "--artefacts",
            type=Path,
            metavar="DIR",
            help="locally built ones, instead of upstream's",
        )
    bundle = add_one("bundle", _bundle, "write one file for a machine without internet")
    bundle.add_argument("file", metavar="FILE", type=Path, help="where it is written")
    take_in = add_one("import", _import, "put the artefacts of a bundle into the cache")
    take_in.add_argument("file", metavar="FILE", type=Path, help="the bundle")


def _relock(arguments: argparse.Namespace) -> int:
    from lab.cluster.artefacts import local, relock  # noqa: PLC0415

    path = _lock_file(arguments)
    if arguments.artefacts is None:
        locked = relock.relock(path, say=print)
    elif arguments.lock is None:
        raise UsageError(
            "a directory of artefacts needs a lock of its own",
            remedy=f"add --lock FILE to --artefacts {arguments.artefacts}",
        )
    else:
        locked = local.relock(arguments.artefacts, path)
    print(f"locked {len(locked.artefacts)} artefacts in {path}")
    return OK


def _fetch(arguments: argparse.Namespace) -> int:
    from lab.cluster.artefacts.fetch import fetch  # noqa: PLC0415

    fetched = fetch(_lock_file(arguments), say=print)
    print(f"{len(fetched.artefacts)} artefacts are in the cache")
    return OK


def _verify(arguments: argparse.Namespace) -> int:
    from lab.cluster.artefacts.loaded import load_artefacts, verify  # noqa: PLC0415

    loaded = load_artefacts(_lock_file(arguments), arguments.artefacts)
    verify(loaded)
    print(f"{len(loaded.lock.artefacts)} artefacts are what the lock says: {loaded.digest}")
    return OK


def _bundle(arguments: argparse.Namespace) -> int:
    from lab.cluster.artefacts import bundle  # noqa: PLC0415

    bundle.write(arguments.file, _lock_file(arguments))
    print(arguments.file)
    return OK


def _import(arguments: argparse.Namespace) -> int:
    from lab.cluster.artefacts import bundle  # noqa: PLC0415

    taken = bundle.take_in(arguments.file, _lock_file(arguments), say=print)
    print(f"{len(taken.artefacts)} artefacts are in the cache")
    return OK


def _lock_file(arguments: argparse.Namespace) -> Path:
    from lab.cluster.artefacts.lock import LOCK_FILE  # noqa: PLC0415

    return arguments.lock or LOCK_FILE
