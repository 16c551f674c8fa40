"""
What a sandbox costs its node in CPU time, by the part of it that spent it; pure.

From the same readings as the noise. QEMU's time is that of all its threads; what it ran its guest
for is ``guest_time`` of proc(5), field 43, which user time contains. vhost's workers are threads of
QEMU since Linux 6.4, and the kernel's own before; so they are read as threads, by their name, and
taken off QEMU's time where they are in it. An emulator has no guest time: its guest and itself are
not told apart, and guest and VMM are both unknown then.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lab.processes import Table

QEMU, VIRTIOFSD = "qemu-system-x86", "virtiofsd"
THREADS = r"grep -EsH '^[0-9]+ \(vhost-' /proc/[0-9]*/task/[0-9]*/stat"
"""What the workers of vhost are asked by; of other threads nothing is printed."""
PREFIX = "node_cost_"
"""Before the names of :data:`PARTS`, where they stand among the noise of a node."""
PARTS = ("qemu", "guest", "vmm", "vhost", "virtiofsd")
"""``qemu`` is ``guest`` and ``vmm`` together; vhost is in neither."""

_THREAD = re.compile(r"/proc/(\d{1,10})/task/\d+/stat$")
_STAT = re.compile(r"(\d{1,10}) \(vhost-.*\) \S (-?\d{1,20}(?: -?\d{1,20})*) *$")
_USER, _SYSTEM, _START = 10, 11, 18
"""Places after the state, as in :mod:`lab.processes`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A worker of vhost."""

    process: int
    ticks: int


Threads = dict[tuple[int, int], Thread]
"""By number and start: numbers are used again."""


def threads(files: Mapping[str, Iterable[str]]) -> Threads:
    """The workers of vhost, from the lines of the files that :data:`THREADS` has printed."""
    found: Threads = {}
    for name, lines in files.items():
        place = _THREAD.match(name)
        for match in map(_STAT.match, lines) if place else ():
            if match and place and len(fields := match[2].split()) > _START:
                ticks = int(fields[_USER]) + int(fields[_SYSTEM])
                key = int(match[1]), int(fields[_START])
                found[key] = Thread(process=int(place[1]), ticks=ticks)
    return found


def between(
    before: tuple[Table, Threads], after: tuple[Table, Threads], *, ticks: float | None
) -> dict[str, float | None]:
    """
    Numbers of processors by :data:`PARTS`, from one reading to the other *ticks* later.

    None for all where no QEMU is on the node, or the time is not known: a control without a guest
    has none of these parts. Whatever has ended by the second reading is not counted.
    """
    tables, workers = (before[0], after[0]), (before[1], after[1])
    if not ticks or not any(each.name == QEMU for each in after[0].values()):
        return dict.fromkeys(PARTS)
    qemu = _used(tables, QEMU)
    guest = _guest(tables)
    vhost = sum(_since(workers, key) for key in workers[1])
    machines = {each.pid for each in after[0].values() if each.name == QEMU}
    inside = sum(
        _since(workers, key) for key, each in workers[1].items() if each.process in machines
    )
    qemu -= inside
    used: dict[str, int | None] = {
        "qemu": qemu,
        "guest": guest or None,
        "vmm": max(0, qemu - guest) if guest else None,
        "vhost": vhost,
        "virtiofsd": _used(tables, VIRTIOFSD),
    }
    return {name: None if part is None else max(0, part) / ticks for name, part in used.items()}


def _used(tables: tuple[Table, Table], name: str) -> int:
    before, after = tables
    return sum(
        each.own_ticks - (before[key].own_ticks if key in before else 0)
        for key, each in after.items()
        if each.name == name
    )


def _guest(tables: tuple[Table, Table]) -> int:
    before, after = tables
    return sum(
        each.guest_ticks - (before[key].guest_ticks if key in before else 0)
        for key, each in after.items()
        if each.name == QEMU
    )


def _since(workers: tuple[Threads, Threads], key: tuple[int, int]) -> int:
    before, after = workers
    return after[key].ticks - (before[key].ticks if key in before else 0)
