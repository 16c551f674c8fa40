"""`lab gc`: what dead runs have left, found by ledgers and by marks on the things, and removed."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lab import command, inventory, labs, lease, owner
from lab.errors import HostError, LabError, NotReadyError
from lab.files import remove
from lab.interrupt import held_off
from lab.inventory import Sort, Thing
from lab.labs import Hands
from lab.ledger import Ledger
from lab.takedown import take_down, undo
from lab.units import Unit, format_value
from lab.virt import domain
from lab.virt.connection import connected
from lab.wait import Pending, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.inventory import Inventory
    from lab.ledger import Entry

TERMINATE_GRACE_S = 10.0
KILL_GRACE_S = 5.0
REMOVE_TIMEOUT_S = 120.0
AS_ROOT_OF_ONE = ("mmdebstrap", "--unshare-helper", "rm", "-rf", "--")
"""Removes what a user's mmdebstrap has made, which belongs to other user numbers than his own."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What became of all that is the lab's."""

    removed: tuple[Thing, ...]
    freed_bytes: int
    stuck: tuple[str, ...]
    """What would not go, with the reason."""
    left: tuple[str, ...]
    """What is nobody's garbage, and yet in nobody's use: each with who may end it."""
    problems: tuple[str, ...]
    """What could not be looked at."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing that a dead run has made is left, as far as can be seen."""
        return not self.stuck and not self.problems


def collect(uri: str, *, say: Callable[[str], None]) -> Collected:
    """
    Remove what dead runs have left; touch nothing of those that live, or that was kept.

    Each thing is tried, whatever became of the others. What is looked for is looked for again
    until nothing new is found: a program that ends may still leave its folder.
    """
    removed: list[Thing] = []
    stuck: dict[Thing, str] = {}
    freed = 0
    with held_off("collecting garbage"):
        while True:
            found = inventory.take(uri)
            fresh = [thing for thing in garbage(found) if thing not in stuck]
            fresh = [thing for thing in fresh if thing not in removed]
            if not fresh:
                break
            for thing in fresh:
                size = thing.size_bytes
                try:
                    _remove(thing)
                except LabError as error:
                    stuck[thing] = f"{thing}: {error.problem}"
                else:
                    removed.append(thing)
                    freed += size
                    say(f"removed {_described(thing, size)}")
    return Collected(tuple(removed), freed, tuple(stuck.values()), _left(found), found.problems)


def survey(uri: str, *, say: Callable[[str], None]) -> Collected:
    """Say what :func:`collect` would remove, and remove nothing."""
    found = inventory.take(uri)
    freed = 0
    stuck = []
    for thing in garbage(found):
        size = thing.size_bytes
        freed += size
        say(f"would remove {_described(thing, size)}")
        stuck.append(str(thing))
    return Collected((), freed, tuple(stuck), _left(found), found.problems)


def garbage(found: Inventory) -> list[Thing]:
    """What dead runs have left, in the order in which it is to be removed."""
    order = list(Sort)
    dead = (thing for thing in found.things if thing.hands is Hands.DEAD)
    return sorted(dead, key=lambda thing: order.index(thing.sort))


def _left(found: Inventory) -> tuple[str, ...]:
    lines = []
    for thing in found.things:
        if thing.sort is Sort.LAB and thing.hands is Hands.KEPT:
            lines.append(f"{thing.lab} is kept: `lab down {thing.lab}` ends it")
        elif thing.sort is Sort.LAB and thing.hands is Hands.UNKNOWN:
            lines.append(f"{thing.lab} is nobody's to tell: `lab down {thing.lab}` removes it")
        elif thing.hands is Hands.UNKNOWN and not thing.lab:
            lines.append(f"{thing} does not say whose it is: see what is in it")
    return tuple(lines)


def _described(thing: Thing, size: int) -> str:
    return f"{thing} ({format_value(size, Unit.BYTE)})" if size else str(thing)


def _remove(thing: Thing) -> None:
    _REMOVE[thing.sort](thing)


def _end_program(thing: Thing) -> None:
    """Ask a program to end, and its children with it; then make it."""
    it = thing.process
    if it is None:
        return
    for number, grace_s in ((signal.SIGTERM, TERMINATE_GRACE_S), (signal.SIGKILL, KILL_GRACE_S)):
        if owner.began(it.pid) != it.began:  # it is gone; whoever has its number now is another
            return
        try:
            os.kill(it.pid, number)
            wait_for(
                f"the end of {thing}",
                partial(_demand_end, it),
                timeout_s=grace_s,
                every_s=0.05,
                remedy="kill it",
            )
        except NotReadyError:
            continue
        except ProcessLookupError:
            return
        return
    raise HostError(f"{thing} does not end", remedy=f"run `kill -9 {it.pid}`")


def _demand_end(it: owner.Owner) -> None:
    if owner.began(it.pid) == it.began:
        raise Pending("it runs")


def _end_domain(thing: Thing) -> None:
    with connected(thing.uri) as connection:
        domain.destroy(connection, thing.name)


def _end_lab(thing: Thing) -> None:
    folder = Path(thing.name)
    if _entries(folder / labs.LEDGER) is None:
        _remove_path(thing)
    else:
        take_down(folder)


def _entries(path: Path) -> tuple[Entry, ...] | None:
    """What a ledger says; None if it is damaged: what it has named is found by its own marks."""
    try:
        return Ledger(path).newest_first()
    except LabError:
        return None


def _remove_path(thing: Thing) -> None:
    path = Path(thing.name)
    try:
        remove(path)
    except PermissionError as error:
        command.run([*AS_ROOT_OF_ONE, path], timeout_s=REMOVE_TIMEOUT_S, check=False)
        if path.exists():
            raise HostError(str(error), remedy=f"remove {path} as root") from error
    except OSError as error:
        raise HostError(str(error), remedy=f"remove {path} by hand") from error


def _forget_claim(thing: Thing) -> None:
    lease.forget(Path(thing.name))


def _undo_ledger(thing: Thing) -> None:
    """Undo what a process has made outside of labs; then its ledger is of no more use."""
    if stuck := undo(_entries(Path(thing.name)) or ()):
        raise HostError("; ".join(stuck), remedy="mend that, then run `lab gc` again")
    _remove_path(thing)


_REMOVE = {
    Sort.PROGRAM: _end_program,
    Sort.DOMAIN: _end_domain,
    Sort.LAB: _end_lab,
    Sort.FOLDER: _remove_path,
    Sort.UNFINISHED: _remove_path,
    Sort.LEDGER: _undo_ledger,
    Sort.CLAIM: _forget_claim,
}
