"""What on this machine says that it is the lab's, wherever it is, and in whose hands it is."""

from __future__ import annotations

import os
import re
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from lab import labs, lease, ledger, owner
from lab.errors import LabError
from lab.files import size_bytes, state_dir
from lab.labs import Hands, Mark
from lab.machine import sockets_base
from lab.owner import PROC, Owner
from lab.scratch import PREFIX
from lab.virt import domain
from lab.virt.connection import connected

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lab.labs import LabRecord

SOCKETS = re.compile(rf"{PREFIX}[0-9a-f]{{8}}")
SHARED_CONNECTION = re.compile(rf"ssh: (/\S*/{PREFIX}[0-9a-f]{{8}})/\S+ \[mux\]")
"""What ssh calls itself when it keeps a connection to a node: it leaves no environment to read."""
OF_OWNER = f"{owner.VARIABLE}=".encode()
TEMPORARY = Path("/tmp")  # noqa: S108 - where things of another environment may be
PLACES_OF_USERS = Path("/run/user")
NAME_CHARACTERS = 60
STILLBORN_S = 60.0


class Sort(StrEnum):
    """The sorts of things, in the order in which they are removed: first what could make more."""

    PROGRAM = "program"
    DOMAIN = "domain"
    LAB = "lab"
    FOLDER = "folder"
    UNFINISHED = "unfinished"
    LEDGER = "ledger"
    CLAIM = "claim"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One thing that is the lab's."""

    sort: Sort
    name: str
    """A path; of a domain its name, of a program what it was called with."""
    hands: Hands
    owner: Owner | None = None
    """Who has made it; None where it does not say."""
    process: Owner | None = None
    """Of a program: itself."""
    lab: str = ""
    """The lab that it is part of, if it is of one."""
    uri: str = ""
    """Of a domain: where it is."""
    record: LabRecord | None = None
    """Of a lab: what is known of it."""

    @property
    def path(self) -> Path | None:
        """Where it is on the disk, if it is there."""
        return None if self.sort in {Sort.PROGRAM, Sort.DOMAIN} else Path(self.name)

    @property
    def size_bytes(self) -> int:
        """What it takes on the disk."""
        return size_bytes(self.path) if self.path else 0

    def __str__(self) -> str:
        number = f"{self.process.pid} " if self.process else ""
        return f"{self.sort} {number}{self.name}"


@dataclass(frozen=True, slots=True)
class Inventory:
    """All things that are the lab's, and what could not be looked at."""

    things: tuple[Thing, ...]
    problems: tuple[str, ...] = ()


def take(uri: str) -> Inventory:
    """
    Look for all that is the lab's.

    Looked at are this user's state folder and those that things name, the folders for temporary
    files, the domains at *uri*, and this user's programs.
    """
    problems: list[str] = []
    domains: tuple[domain.OwnDomain, ...] = ()
    try:
        with connected(uri) as connection:
            domains = domain.own(connection)
    except LabError as error:
        problems.append(f"domains were not looked at: {error.problem}")
    marked = tuple(_marked_folders())
    named = [each.whose.home for each in domains] + [mark.home for _, mark in marked if mark]
    homes = tuple(_homes(named))
    things = [
        *_programs(homes),
        *(_domain(each, uri) for each in domains),
        *(thing for home in homes for thing in _labs(home)),
        *(_folder(path, mark) for path, mark in marked),
        *(thing for home in homes for thing in _unfinished(home)),
        *(thing for home in homes for thing in _ledgers(home)),
        *(Thing(sort=Sort.CLAIM, name=str(path), hands=Hands.DEAD) for path in lease.stale()),
    ]
    return Inventory(tuple(things), tuple(problems))


def _homes(named: Iterable[str]) -> Iterator[Path]:
    """This user's state folder, and others of his that are named."""
    for home in dict.fromkeys([state_dir(), *map(Path, named)]):
        with suppress(OSError):
            if home.is_absolute() and home.stat().st_uid == os.geteuid():
                yield home


def _hands(who: Owner | None, home: Path, lab: str = "") -> Hands:
    """In whose hands a thing is: in those of its lab, if that is on record and can be read."""
    folder = labs.labs_dir(home) / lab
    if lab and folder.is_dir():
        hands = labs.hands_of(folder, labs.read_record(folder))
        if hands is not Hands.UNKNOWN:
            return hands
    if who is None:
        return Hands.UNKNOWN
    return Hands.ALIVE if ledger.is_alive(who, home) else Hands.DEAD


def _domain(found: domain.OwnDomain, uri: str) -> Thing:
    whose = found.whose
    who = Owner.parse(whose.owner)
    return Thing(
        sort=Sort.DOMAIN,
        name=found.name,
        hands=_hands(who, Path(whose.home), whose.lab),
        owner=who,
        lab=whose.lab,
        uri=uri,
    )


def _labs(home: Path) -> Iterator[Thing]:
    for folder, record in labs.records(home):
        mark = Mark.read(folder)
        yield Thing(
            sort=Sort.LAB,
            name=str(folder),
            hands=labs.hands_of(folder, record),
            owner=record.owner if record else mark.owner if mark else None,
            lab=folder.name,
            record=record,
        )


def _marked_folders() -> Iterator[tuple[Path, Mark | None]]:
    """This user's folders among the temporary ones that are called as the lab's are."""
    runtime = PLACES_OF_USERS / str(os.geteuid())
    for place in dict.fromkeys((sockets_base(), Path(tempfile.gettempdir()), TEMPORARY, runtime)):
        for path in sorted(place.glob(f"{PREFIX}*")):
            with suppress(OSError):
                if not path.is_symlink() and path.stat().st_uid == os.geteuid():
                    mark = _mark_of(path)
                    if mark or SOCKETS.fullmatch(path.name):  # else it is a person's
                        yield path, mark


def _mark_of(path: Path) -> Mark | None:
    if mark := Mark.read(path):
        return mark
    who = owner.marked(path.name)
    return Mark(owner=who, home=str(state_dir())) if who else None


def _folder(path: Path, mark: Mark | None) -> Thing:
    if mark:
        hands = _hands(mark.owner, Path(mark.home), mark.lab)
    else:
        hands = Hands.DEAD if _is_stillborn(path) else Hands.UNKNOWN
    return Thing(
        sort=Sort.FOLDER,
        name=str(path),
        hands=hands,
        owner=mark.owner if mark else None,
        lab=mark.lab if mark else "",
    )


def _is_stillborn(path: Path) -> bool:
    """Whether whoever made a folder was killed before it could say whose it is."""
    age_s = time.time() - path.stat().st_mtime
    return age_s > STILLBORN_S and not any(path.iterdir())


def _unfinished(home: Path) -> Iterator[Thing]:
    """What is being made in a state folder, or was when its maker died: it is hidden."""
    with suppress(OSError):
        for folder in (home, *sorted(each for each in home.iterdir() if each.is_dir())):
            for path in sorted(folder.glob(".*")):
                if who := owner.marked(path.name):
                    yield Thing(
                        sort=Sort.UNFINISHED, name=str(path), hands=_hands(who, home), owner=who
                    )


def _ledgers(home: Path) -> Iterator[Thing]:
    for who, found in ledger.of_processes(home):
        yield Thing(sort=Sort.LEDGER, name=str(found.path), hands=_hands(who, home), owner=who)


def _programs(homes: tuple[Path, ...]) -> Iterator[Thing]:
    """What the lab has started and is still there; not what is a process of the lab itself."""
    themselves = {who for home in homes for who, _ in ledger.of_processes(home)}
    themselves |= {claim.owner for claim in lease.queue()} | {owner.me()}
    for folder in _processes():
        with suppress(OSError):  # it has ended, or is somebody else's
            thing = _program(folder) if folder.stat().st_uid == os.geteuid() else None
            if thing and thing.process not in themselves:
                yield thing


def _processes() -> list[Path]:
    return [folder for folder in PROC.iterdir() if folder.name.isdecimal()]


def _program(folder: Path) -> Thing | None:
    words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    who, lab, hands = _whose_program(folder, words)
    began = owner.began(int(folder.name))
    if hands is None or began is None:
        return None
    itself = Owner(pid=int(folder.name), began=began, boot=owner.me().boot, space=owner.me().space)
    name = words if len(words) <= NAME_CHARACTERS else f"{words[:NAME_CHARACTERS]}…"
    return Thing(sort=Sort.PROGRAM, name=name, hands=hands, owner=who, process=itself, lab=lab)


def _whose_program(folder: Path, words: str) -> tuple[Owner | None, str, Hands | None]:
    """Who has started a program, for which lab, and in whose hands it is; None if not the lab."""
    if match := SHARED_CONNECTION.match(words):
        mark = Mark.read(Path(match[1]))
        if mark is None:  # its sockets are gone: nobody can reach a node through it any more
            return None, "", Hands.DEAD
        return mark.owner, mark.lab, _hands(mark.owner, Path(mark.home), mark.lab)
    for variable in (folder / "environ").read_bytes().split(b"\0"):
        if variable.startswith(OF_OWNER):
            who = Owner.parse(variable.removeprefix(OF_OWNER).decode(errors="replace"))
            return who, "", _hands(who, state_dir()) if who else None
    return None, "", None
