"""What goes wrong on purpose: faults, by name, at points of a run that are counted."""

from __future__ import annotations

import errno
import os
import signal
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NoReturn

from lab import (
    audit,
    campaign,
    gc,
    labs,
    launch,
    lease,
    ledger,
    measure,
    prepare,
    provision,
    pytest_plugin,
    resume,
    store,
    takedown,
)
from lab import report as reports
from lab.ledger import Ledger
from lab.session import Session
from lab.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import ModuleType

STEP = timedelta(hours=-7)
HALF_A_LINE = "half a line written"


class Fault(StrEnum):
    """What can go wrong."""

    NONE = "none"
    KILL = "kill -9 of the lab"
    INTERRUPT = "Ctrl-C once"
    INTERRUPT_TWICE = "Ctrl-C twice"
    DISK_FULL = "disk full"
    FOLDER_GONE = "results folder gone"
    CLOCK_STEP = "clock steps back 7 h"
    SSH_CUT = "ssh cut"
    LIBVIRT_HANGS = "libvirt hangs"
    NODE_KILLED = "node's QEMU killed"
    REBOOT = "machine reset"
    IPERF3_KILLED = "iperf3 killed"
    FIO_KILLED = "fio killed"


@dataclass(frozen=True, slots=True)
class Place:
    """The *nth* time that *point* is passed, from 1."""

    point: str
    nth: int


BEFORE: tuple[tuple[Any, str, str], ...] = (
    (launch, "decide", "deciding"),
    (lease, "_grant", "lease granted"),
    (Store, "create", "run directory"),
    (audit, "snapshot", "inventory of the machine"),
    (labs, "write_record", "lab on record"),
    (Ledger, "record", "ledger"),
    (prepare, "activate", "node made ready"),
    (Store, "set_environment", "environment on record"),
    (Store, "add_boot", "journal"),
    (Store, "add_evidence", "evidence"),
    (Store, "add_raw", "report of a tool"),
    (Store, "add_sample", "sample"),
    (Store, "add_outcome", "outcome"),
    (Session, "close_boot", "boot closed"),
    (Session, "ends_with", "end of a round"),
    (Store, "set_timeline", "timeline"),
    (Store, "finish", "end on record"),
    (takedown, "undo", "taking down"),
    (reports, "write", "report"),
    (ledger, "forget_own", "own ledger forgotten"),
    (Store, "reopen", "run opened again"),
    (gc, "_remove", "garbage removed"),
)
"""Functions of the lab, and what a point before each is called."""
AFTER: tuple[tuple[Any, str, str], ...] = (
    (Store, "create", "run directory made"),
    (labs, "new_folder", "folder of the lab made"),
    (Ledger, "record", "ledger written"),
    (Store, "add_boot", "journal written"),
    (Store, "add_sample", "sample written"),
    (Store, "add_outcome", "outcome written"),
    (Store, "finish", "end recorded"),
    (reports, "write", "report written"),
    (audit, "_conclude", "machine looked at"),
)


class Director:
    """Counts the points that a process passes, and lets the fault happen at its place."""

    def __init__(
        self,
        results: Path,
        fault: Fault,
        place: Place | None,
        of_world: Mapping[Fault, Callable[[], object]],
    ) -> None:
        self._results = results
        self._fault = fault
        self._place = place
        self.passed: Counter[str] = Counter()
        self._is_full = False
        self._is_doubled = False
        self._what: dict[Fault, Callable[[], object]] = {
            Fault.KILL: die,
            Fault.INTERRUPT: _interrupt,
            Fault.INTERRUPT_TWICE: self._interrupt_twice,
            Fault.DISK_FULL: lambda: setattr(self, "_is_full", True),
            Fault.FOLDER_GONE: self._take_away,
            Fault.CLOCK_STEP: _step_clock,
            **of_world,
        }

    def passes(self, point: str) -> None:
        """A point is passed; a second Ctrl-C comes with the next one after the first."""
        if self._is_doubled:
            self._is_doubled = False
            signal.raise_signal(signal.SIGINT)
        self.passed[point] += 1
        if self._place == Place(point, self.passed[point]) and point != HALF_A_LINE:
            self._act()

    def _act(self) -> None:
        self._what[self._fault]()

    def _interrupt_twice(self) -> None:
        self._is_doubled = True
        _interrupt()

    def _take_away(self) -> None:
        for run in self._results.glob("*-*"):
            if not run.is_symlink():
                run.rename(self._results / f".gone-{run.name}")

    def install(self, acknowledge: Callable[[str, Any], None]) -> None:
        """Put the points where they belong, in this process; *acknowledge* what is kept."""
        for where, name, point in AFTER:
            self._wrap(where, name, after=point)
        for where, name, point in BEFORE:
            self._wrap(where, name, before=point)
        for name in ("add_sample", "add_outcome"):
            _acknowledged(name, acknowledge)
        self._wrap_lines()

    def _wrap(self, where: Any, name: str, *, before: str = "", after: str = "") -> None:  # noqa: ANN401
        if where is lease:
            where = lease.Lease
        whole = where.__dict__[name]
        inner = whole.__func__ if isinstance(whole, classmethod) else whole

        def wrapper(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            if before:
                self.passes(before)
            answer = inner(*args, **kwargs)
            if after:
                self.passes(after)
            return answer

        setattr(where, name, classmethod(wrapper) if isinstance(whole, classmethod) else wrapper)
        for module in _MODULES:  # those that have it by its own name
            if not isinstance(where, type) and module.__dict__.get(name) is inner:
                setattr(module, name, wrapper)

    def _wrap_lines(self) -> None:
        into: Any = store
        append, write = into.append_line, into.write_atomic

        def append_line(path: Path, line: str) -> None:
            self.passed[HALF_A_LINE] += 1
            if self._place == Place(HALF_A_LINE, self.passed[HALF_A_LINE]):
                if self._fault in {Fault.KILL, Fault.REBOOT}:
                    with path.open("a") as stream:
                        stream.write(line[: len(line) // 2])
                self._act()
            self._demand_room()
            append(path, line)

        def write_atomic(path: Path, data: str | bytes, **how: Any) -> None:  # noqa: ANN401
            self.passes("file of the run")
            self._demand_room()
            write(path, data, **how)

        into.append_line = append_line
        into.write_atomic = write_atomic

    def _demand_room(self) -> None:
        if self._is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


_MODULES: tuple[ModuleType, ...] = (
    audit, campaign, gc, labs, launch, ledger, prepare, provision, pytest_plugin, resume, takedown,
)  # fmt: skip


def _acknowledged(name: str, acknowledge: Callable[[str, Any], None]) -> None:
    add = getattr(Store, name)

    def wrapper(self: Store, record: Any) -> None:  # noqa: ANN401
        add(self, record)
        acknowledge(name, record)

    setattr(Store, name, wrapper)


def _interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def die() -> NoReturn:
    """End this process as kill -9 does."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def _step_clock() -> None:
    """The clock of the wall jumps; the one that measures does not."""

    class Stepped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]  # noqa: ANN401
            return datetime.now(tz) + STEP

    for module in (launch, store, measure, pytest_plugin, resume, lease, provision, campaign):
        if "datetime" in vars(module):
            setattr(module, "datetime", Stepped)  # noqa: B010 - mypy knows no such attribute
