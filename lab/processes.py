"""
Whose CPU time it was: the lab's own, somebody else's, or the kernel's.

Read from ``/proc/PID/stat`` of all processes, twice (proc(5)). The two readings are compared by
process, not with /proc/stat: that counts whom each tick of the clock happens to meet, and met
338 of 375 ticks that were used on a host with one emulated node, 751 of 813 with a busy one;
``/proc/PID/stat`` is exact, threads that have ended included. A process that has ended is in the
figures of the one that waited for it. What is not seen is one that nobody waited for, and what
interrupts take of processes that are the lab's own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_STAT = re.compile(r"(?P<pid>\d{1,10}) \((?P<name>.*)\) \S (?P<fields>[-\d ]+)", re.DOTALL)
PARENT, USER, SYSTEM, USER_OF_CHILDREN, SYSTEM_OF_CHILDREN, START = 0, 10, 11, 12, 13, 18
GUEST = 39
"""Places after the state; in proc(5), which counts from 1, the first of them is field 4."""
KERNEL = 2
"""The pid of the kernel's own: all its threads are children of it."""
KERNEL_NAME = "kthreadd"

FEW = 5

Key = tuple[int, int]
"""A pid, and when its process began: pids are used again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process, its threads included."""

    pid: int
    name: str
    """At most 15 characters of it (``comm``)."""
    parent: int
    own_ticks: int
    """CPU time since its start."""
    children_ticks: int
    """All that the children used that it has waited for, and theirs."""
    began: int
    guest_ticks: int = 0
    """What of its own time it ran virtual processors for; 0 for an emulator."""

    @property
    def ticks(self) -> int:
        """CPU time of it and of all that has ended below it."""
        return self.own_ticks + self.children_ticks


Table = dict[Key, Process]


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """How the lab's own processes are told from others."""

    pids: frozenset[int] = frozenset()
    """They, and whatever they have started."""
    names: frozenset[str] = frozenset()
    """Likewise, wherever such a process is."""
    alone: frozenset[str] = frozenset()
    """These names too, but not what they have started: anybody may have."""


ON_NODE = Own(
    names=frozenset(
        {
            # What sandboxes are made of, what starts them, and what is measured in them with.
            "qemu-system-x86", "virtiofsd", "containerd-shim", "containerd", "runc", "kubelet",
            "iperf3", "fio", "sockperf", "ping", "tcpdump", "ctr", "crictl", "kubectl",
            # What turns to each device that a sandbox brings, and writes down that it did.
            "systemd-udevd", "systemd-network", "systemd-journal",
        }
    ),
    # The lab's commands come by ssh, and so may a person. What has ended by the second reading
    # is in sshd's own figures: the lab's crictl, for instance.
    alone=frozenset({"sshd", "sshd-session"}),
)  # fmt: skip
"""Of a node, which is the lab's as a whole: foreign is what nobody has asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """CPU time between two readings, in ticks."""

    own: int
    foreign: int
    kernel: int


class Whose(Enum):
    """To whom a process belongs."""

    LAB = auto()
    OTHERS = auto()
    KERNEL = auto()


def parse(stats: Iterable[str]) -> Table:
    """Read the texts of ``/proc/PID/stat`` of many processes; what is no such text is left out."""
    found = (_process(match) for match in map(_STAT.match, stats) if match)
    return {(process.pid, process.began): process for process in found if process}


def shares(before: Table, after: Table, own: Own) -> Shares | None:
    """
    Whose the CPU time between two readings was; None where not all can be seen.

    In a container, or where /proc hides the processes of others (``hidepid``), the kernel's own
    are not seen either; then nobody can say that there is nobody else. Likewise if one of the
    lab's pids is gone.
    """
    everybody = {process.pid: process for process in after.values()}
    kernel = everybody.get(KERNEL)
    if kernel is None or kernel.name != KERNEL_NAME or not own.pids <= everybody.keys():
        return None
    inherited = _inherited(before, after)
    seen, total = dict.fromkeys(Whose, 0), dict.fromkeys(Whose, 0)
    for key, process in after.items():
        whose = _whose(process, everybody, own)
        seen[whose] += process.own_ticks - _own_before(before, key)
        total[whose] += process.ticks - inherited[key]
    # Together, since it is not always the nearest that waits for one that has ended; and no less
    # than was seen, since sometimes nobody does.
    used = {whose: max(seen[whose], total[whose]) for whose in Whose}
    return Shares(own=used[Whose.LAB], foreign=used[Whose.OTHERS], kernel=used[Whose.KERNEL])


def foreign(before: Table, after: Table, own: Own) -> list[tuple[int, int, str]]:
    """The processes that are not the lab's: ticks used, pid and name, the busiest few first."""
    found = shares(before, after, own)
    if found is None:
        return []
    everybody = {process.pid: process for process in after.values()}
    inherited = _inherited(before, after)
    used = (
        (min(process.ticks - inherited[key], found.foreign), process.pid, process.name)
        for key, process in after.items()
        if _whose(process, everybody, own) is Whose.OTHERS
    )
    return sorted((each for each in used if each[0] > 0), reverse=True)[:FEW]


def _process(match: re.Match[str]) -> Process | None:
    try:
        fields = [int(word) for word in match["fields"].split()]
    except ValueError:
        return None
    if len(fields) <= START:
        return None
    return Process(
        pid=int(match["pid"]),
        name=match["name"],
        parent=fields[PARENT],
        own_ticks=fields[USER] + fields[SYSTEM],
        children_ticks=fields[USER_OF_CHILDREN] + fields[SYSTEM_OF_CHILDREN],
        began=fields[START],
        guest_ticks=fields[GUEST] if len(fields) > GUEST else 0,
    )


def _whose(process: Process, everybody: Mapping[int, Process], own: Own) -> Whose:
    if KERNEL in {process.pid, process.parent}:
        return Whose.KERNEL
    if process.name in own.alone:
        return Whose.LAB
    line = _line(process, everybody)
    is_own = any(each.pid in own.pids or each.name in own.names for each in line)
    return Whose.LAB if is_own else Whose.OTHERS


def _line(process: Process | None, everybody: Mapping[int, Process]) -> Iterator[Process]:
    """A process and its ancestors, the nearest first."""
    seen: set[int] = set()
    while process and process.pid not in seen:  # no reading is of one moment: it may go round
        seen.add(process.pid)
        yield process
        process = everybody.get(process.parent)


def _inherited(before: Table, after: Table) -> dict[Key, int]:
    """
    What in the figures of each process was used before the first reading.

    By itself, and by those that have ended since and are in its figures now.
    """
    inherited = defaultdict[Key, int](int)
    then = {process.pid: process for process in before.values()}
    for process in before.values():
        heir = next((key for key in map(_key, _line(process, then)) if key in after), None)
        if heir is not None:
            inherited[heir] += process.ticks
    return inherited


def _own_before(before: Table, key: Key) -> int:
    process = before.get(key)
    return process.own_ticks if process else 0


def _key(process: Process) -> Key:
    return process.pid, process.began
