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

_STAT = re.compile(r"(?P<pid>\d+) \((?P<name>.*)\) \S (?P<fields>[-\d ]+)", re.DOTALL)
PARENT, USER, SYSTEM, USER_OF_CHILDREN, SYSTEM_OF_CHILDREN, START = 0, 10, 11, 12, 13, 18
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
    ticks: int
    """CPU time since its start, of itself and of the children that it has waited for."""
    began: int


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
    total = dict.fromkeys(Whose, 0)
    for key, ticks in _used(before, after).items():
        total[_whose(after[key], everybody, own)] += ticks
    return Shares(own=total[Whose.LAB], foreign=total[Whose.OTHERS], kernel=total[Whose.KERNEL])


def foreign(before: Table, after: Table, own: Own) -> list[tuple[int, int, str]]:
    """The processes that are not the lab's: ticks used, pid and name, the busiest few first."""
    everybody = {process.pid: process for process in after.values()}
    used = (
        (ticks, after[key].pid, after[key].name)
        for key, ticks in _used(before, after).items()
        if ticks and _whose(after[key], everybody, own) is Whose.OTHERS
    )
    return sorted(used, reverse=True)[:FEW]


def _process(match: re.Match[str]) -> Process | None:
    fields = [int(word) for word in match["fields"].split()]
    if len(fields) <= START:
        return None
    places = (USER, SYSTEM, USER_OF_CHILDREN, SYSTEM_OF_CHILDREN)
    return Process(
        pid=int(match["pid"]),
        name=match["name"],
        parent=fields[PARENT],
        ticks=sum(fields[place] for place in places),
        began=fields[START],
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


def _used(before: Table, after: Table) -> dict[Key, int]:
    """
    The ticks that each process of the second reading has used since the first.

    What had been used before is taken off: by itself, and by those that have ended since and
    are in its figures now.
    """
    used_before = defaultdict[Key, int](int)
    then = {process.pid: process for process in before.values()}
    for process in before.values():
        heir = next((key for key in map(_key, _line(process, then)) if key in after), None)
        if heir is not None:
            used_before[heir] += process.ticks
    # Not below zero: who waits for nobody inherits nothing.
    return {key: max(0, process.ticks - used_before[key]) for key, process in after.items()}


def _key(process: Process) -> Key:
    return process.pid, process.began
