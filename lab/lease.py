"""
Who may use this machine: one that measures has it alone, others share it, in the order they came.

Whoever wants it puts a claim into a queue, a folder that is common to all users of this machine and
to all their state folders: a numbered file that its process holds locked. The kernel lets go of it
when the process dies, however it dies, so that nobody waits for the dead. A claim is granted once
no claim before it stands against it; what is not held any more does not count.
"""

from __future__ import annotations

import fcntl
import getpass
import os
import stat
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from lab import owner
from lab.decode import DecodeError, json_as
from lab.errors import HostError
from lab.files import hold, is_held, state_dir
from lab.owner import Owner
from lab.units import format_duration, format_time
from lab.wait import Pending, pause, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PLACES = (Path("/run/lock/kata-lab"), Path("/tmp/kata-lab.leases"))  # noqa: S108 - see _checked
"""Where the queue is: in the first whose parent folder anybody may write to."""
CHOSEN = "LAB_LEASES"
"""What names another place: for one that containers share, or for a test."""
NUMBERS = "numbers.lock"
POLL_S = 1.0
HEARTBEAT_S = 60.0
PATIENCE_S = 24 * 3600.0
"""How long one waits: longer than any run takes."""
NUMBER_TIMEOUT_S = 10.0
STICKY_FOR_ALL = 0o1777


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One that uses this machine, or waits for it."""

    number: int
    """Its place: the lower are before it."""
    owner: Owner
    user: str
    is_alone: bool
    """Whether it shares the machine with nobody; else with others of its kind."""
    doing: str
    asked: datetime
    granted: datetime | None = None
    """None while it waits."""

    def __str__(self) -> str:
        since = self.granted or self.asked
        return f"{self.doing} (process {self.owner.pid} of {self.user}, since {format_time(since)})"

    def stands_against(self, other: Claim) -> bool:
        """Whether *other* has to wait for it."""
        is_before = self.number < other.number and self.owner != other.owner
        return is_before and (self.is_alone or other.is_alone)


@dataclass(slots=True)
class Lease:
    """The right to use this machine, while its block lasts."""

    claim: Claim
    stream: IO[str]

    def tell(self, doing: str) -> None:
        """Say to those who wait what is being done."""
        self._write(msgspec.structs.replace(self.claim, doing=doing))

    def _grant(self) -> None:
        self._write(msgspec.structs.replace(self.claim, granted=_now()))

    def _write(self, claim: Claim) -> None:
        self.claim = claim
        text = msgspec.json.encode(claim)
        os.pwrite(self.stream.fileno(), text, 0)
        os.ftruncate(self.stream.fileno(), len(text))


@contextmanager
def leased(
    doing: str, *, is_alone: bool, say: Callable[[str], None], waits: bool = True
) -> Iterator[Lease]:
    """
    Have this machine for the block: alone, to measure on it, or beside others that do not.

    Args:
        say: Told for whom one waits, at once and once a minute.
        waits: Whether to wait at all.

    Raises:
        HostError: if it is not free and *waits* is not wished, or not free in a day.
    """
    place = _place()
    lease = _enter(place, doing, is_alone=is_alone)
    path = _path(place, lease.claim.number)
    with lease.stream:
        try:
            _wait(place, lease.claim, say, waits=waits)
            lease._grant()  # noqa: SLF001 - its maker
            yield lease
        finally:
            path.unlink(missing_ok=True)


def queue() -> tuple[Claim, ...]:
    """Who has this machine and who waits for it, in order."""
    return _queue(_where())


def stale() -> tuple[Path, ...]:
    """Claims of this user's processes that died: they stand against nobody, and are only there."""
    return tuple(path for path in _files(_where()) if _is_ours(path) and is_held(path) is False)


def forget(path: Path) -> None:
    """Remove a claim of the dead, unless its number was given to somebody living meanwhile."""
    with _numbers(path.parent):
        if is_held(path) is False:
            path.unlink(missing_ok=True)


def _is_ours(path: Path) -> bool:
    """Whether this user may remove a file from the queue's folder, in which others have theirs."""
    with suppress(OSError):
        return os.geteuid() in {0, path.stat().st_uid}
    return False


def _queue(place: Path) -> tuple[Claim, ...]:
    return tuple(_read(path) for path in _files(place) if is_held(path))


def _files(place: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(path for path in place.iterdir() if path.stem.isdecimal())
    return []


def _read(path: Path) -> Claim:
    """A claim; one that cannot be read, whoever made it, stands against everybody."""
    try:
        return json_as(path.read_bytes(), Claim)
    except (OSError, DecodeError):
        nobody = Owner(pid=0, began=0, boot="", space="")
        return Claim(
            number=int(path.stem),
            owner=nobody,
            user="somebody",
            is_alone=True,
            doing=f"something that {path} does not tell",
            asked=_now(),
        )


def _enter(place: Path, doing: str, *, is_alone: bool) -> Lease:
    """Put a claim at the end of the queue."""
    try:
        with _numbers(place):
            last = max((int(path.stem) for path in _files(place)), default=0)
            claim = Claim(
                number=last + 1,
                owner=owner.me(),
                user=_user(),
                is_alone=is_alone,
                doing=doing,
                asked=_now(),
            )
            return Lease(claim, hold(_path(place, claim.number), _text(claim)))
    except PermissionError as error:
        raise HostError(
            f"{place}, the queue for this machine, cannot be used: {error.strerror}",
            remedy=f"let whoever owns it run `chmod 1777 {place}`, or remove it",
        ) from error


def _wait(place: Path, mine: Claim, say: Callable[[str], None], *, waits: bool) -> None:
    began = time.monotonic()
    told, spoke = 0, began
    while blocking := [each for each in _queue(place) if each.stands_against(mine)]:
        first, waited_s = blocking[0], time.monotonic() - began
        if not waits or waited_s > PATIENCE_S:
            raise HostError(
                f"this machine is in use: {first}", remedy="try again when it has ended"
            )
        if first.number != told or time.monotonic() - spoke >= HEARTBEAT_S:
            say(_waiting(blocking, waited_s))
            told, spoke = first.number, time.monotonic()
        pause(POLL_S)


def _waiting(blocking: list[Claim], waited_s: float) -> str:
    others = f", and {len(blocking) - 1} more" if len(blocking) > 1 else ""
    for_how_long = f" ({format_duration(waited_s)} so far)" if waited_s >= HEARTBEAT_S else ""
    return f"waiting for this machine{for_how_long}: {blocking[0]}{others}"


@contextmanager
def _numbers(place: Path) -> Iterator[None]:
    """Be the only one that takes a number. The file is nobody's to write to: it is only locked."""
    path = place / NUMBERS
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)

    def take() -> None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Pending("another takes one") from None

    try:
        wait_for(
            "a number in the queue for this machine",
            take,
            timeout_s=NUMBER_TIMEOUT_S,
            every_s=0.02,
            remedy=f"see who holds {path}: `fuser -v {path}`",
        )
        yield
    finally:
        os.close(handle)


def _place() -> Path:
    """The folder of the queue, made if it is not there."""
    place = _where()
    try:
        place.mkdir(parents=True, exist_ok=True)
        found = place.lstat()
        if stat.S_IMODE(found.st_mode) != STICKY_FOR_ALL and found.st_uid == os.geteuid():
            place.chmod(STICKY_FOR_ALL)  # mkdir(2) leaves out what the umask forbids
    except OSError as error:
        raise HostError(
            f"{place}, the queue for this machine, cannot be made: {error.strerror}",
            remedy=f"remove it, or name another place with {CHOSEN}",
        ) from error
    if not stat.S_ISDIR(found.st_mode):
        raise HostError(f"{place} is not a folder of its own", remedy="remove it")
    return place


def _where() -> Path:
    if chosen := os.environ.get(CHOSEN):
        return Path(chosen).absolute()
    for place in PLACES:
        with suppress(OSError):
            if stat.S_IMODE(place.parent.stat().st_mode) == STICKY_FOR_ALL:
                return place
    return state_dir() / "leases"


def _path(place: Path, number: int) -> Path:
    return place / f"{number:08}.json"


def _text(claim: Claim) -> str:
    return msgspec.json.encode(claim).decode()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may know no name for it
        return f"user {os.geteuid()}"


def _now() -> datetime:
    return datetime.now(UTC)
