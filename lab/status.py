"""`lab status`: what is up, of which run, in whose hands, how large; who has this machine."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from lab import labs, lease
from lab.errors import LabError
from lab.files import size_bytes
from lab.labs import Hands
from lab.units import Unit, format_time, format_value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.labs import LabRecord
    from lab.topology import Topology

NOTHING = "no lab is up"


def standing(topology: Topology, *, accel: str) -> LabRecord | None:
    """
    The newest lab that is up, in nobody's hands, and what `lab up` would bring up.

    One of another shape, whose topology has changed since, is another one.
    """
    for folder, record in reversed(list(labs.records())):
        if record is None or labs.hands_of(folder, record) is not Hands.KEPT:
            continue
        is_it = record.topology == topology.name and record.shape == topology.digest
        if is_it and accel in {"auto", record.accelerator}:
            return record
    return None


def lines() -> Iterator[str]:
    """All there is to say, a line each; it tells as much as can be seen, whatever cannot."""
    yield from _machine()
    found = list(labs.records())
    for folder, record in found:
        yield from _lab(folder, record)
    if not found:
        yield NOTHING


def _machine() -> Iterator[str]:
    """Who has this machine, and who waits for it."""
    waiting = 0
    for claim in lease.queue():
        if claim.granted:
            yield f"{'in use, alone' if claim.is_alone else 'in use'}: {claim}"
        else:
            waiting += 1
            yield f"  {waiting}. waits: {claim}"


def _lab(folder: Path, record: LabRecord | None) -> Iterator[str]:
    hands = labs.hands_of(folder, record)
    if record is None:
        yield f"{folder.name}  {_UNRECORDED[hands].format(name=folder.name)}"
        return
    size = format_value(size_bytes(folder), Unit.BYTE)
    since = _since(record.created)
    yield f"{record.id}  {hands}, under {record.accelerator}, since {since}, {size}"
    if record.run:
        yield f"  of the run {record.run}"
    if hands is Hands.DEAD:
        yield "  its run has died: `lab gc` removes what it left"
    try:
        up = running(record)
    except LabError as error:
        yield f"  whether its nodes are up cannot be told: {error.problem}"
        return
    for node in record.nodes:
        state = "up" if node.name in up else "down"
        yield f"  {node.name}  {state}, its console is {node.console}"


def _since(created: str) -> str:
    try:
        return format_time(datetime.fromisoformat(created))
    except ValueError:  # of a record that another version has written
        return created


def running(record: LabRecord) -> tuple[str, ...]:
    """The names of the lab's nodes whose machines run; libvirt is asked only about a lab."""
    from lab import provision  # noqa: PLC0415

    return provision.running(record)


_UNRECORDED = {
    Hands.ALIVE: "is being brought up",
    Hands.DEAD: "never came up: `lab gc` removes what it left",
    Hands.UNKNOWN: "is of another version of the lab: `lab down {name}` removes it",
    Hands.KEPT: "is kept",
}
