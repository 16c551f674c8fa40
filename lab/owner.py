"""
Whose a thing is: a process, told from all that have had its number before or since.

Only the standard library is imported: lab.system asks before there is any environment.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROC = Path("/proc")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
BEGAN = 18
"""Where ``starttime`` is among the fields behind the state: the 22nd of all (proc(5))."""
ENDED = "ZX"
"""States of a process that is dead and has not been noticed yet."""
SHORT = 8
VARIABLE = "KATA_LAB_OWNER"
"""What every program that the lab starts has in its environment: the owner's id."""

_ID = r"(?P<pid>\d{1,10})-(?P<began>\d{1,20})-(?P<boot>[0-9a-f]{8})-(?P<space>[0-9a-f]{1,8})"
_WHOLE = re.compile(_ID)
_MARKED = re.compile(rf".+-{_ID}-[0-9a-f]{{8}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """
    A process of this lab, by what no other process shares with it.

    A number alone says nothing: the kernel gives it out again, within minutes on a busy machine.
    """

    pid: int
    began: int
    """Its start, in clock ticks since the machine's."""
    boot: str
    """The machine's start: the beginning of its boot id."""
    space: str
    """The pid namespace that the number belongs to: its inode, in hexadecimal."""

    @property
    def id(self) -> str:
        """All of it in one word, which can be part of a file's name."""
        return f"{self.pid}-{self.began}-{self.boot}-{self.space}"

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """The owner whose id *text* is; None if it is none."""
        match = _WHOLE.fullmatch(text)
        return _of(match) if match else None

    def is_alive(self) -> bool | None:
        """Whether the process still runs; None where that cannot be seen from here."""
        if self.boot != _boot():
            return False
        if self.space != _space():
            return None
        return began(self.pid) in {self.began, HIDDEN}


HIDDEN = -1
"""The start of a process that is there and does not show it (``hidepid``)."""


def me() -> Owner:
    """This process."""
    return _me(os.getpid())


def began(pid: int) -> int | None:
    """When the process of that number was started, in ticks; None if there is none."""
    try:
        state, *fields = _after_name((PROC / str(pid) / "stat").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return HIDDEN if _is_hidden(pid) else None
    except PermissionError:
        return HIDDEN
    return None if state in ENDED else int(fields[BEGAN])


def mark(stem: str) -> str:
    """Name a file or a folder of this process so that anybody can tell whose it is."""
    return f"{stem}-{me().id}-{secrets.token_hex(SHORT // 2)}"


def marked(name: str) -> Owner | None:
    """Whose a file or a folder is that :func:`mark` has named; None if it is nobody's."""
    match = _MARKED.fullmatch(name)
    return _of(match) if match else None


def _of(match: re.Match[str]) -> Owner:
    return Owner(
        pid=int(match["pid"]), began=int(match["began"]), boot=match["boot"], space=match["space"]
    )


@cache
def _me(pid: int) -> Owner:
    started = began(pid)
    if started is None:
        raise RuntimeError("a process that runs has begun")
    return Owner(pid=pid, began=started, boot=_boot(), space=_space())


@cache
def _boot() -> str:
    return BOOT_ID.read_text(encoding="ascii").strip()[:SHORT]


@cache
def _space() -> str:
    return f"{(PROC / 'self' / 'ns' / 'pid').stat().st_ino & 0xFFFFFFFF:x}"


def _after_name(stat: str) -> list[str]:
    """What follows the name in parentheses, which may hold anything."""
    return stat.rpartition(")")[2].split()


def _is_hidden(pid: int) -> bool:
    """Whether there is a process of that number that /proc does not show to this user."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return False
