"""A picture of the data path of one sandbox, before anybody decides how it looks: pure data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_READ = "not read"


class Zone(StrEnum):
    """Whose a hop is. A path crosses the zones in this order, and not each of them."""

    NODE = "node"
    POD = "pod namespace"
    QEMU = "QEMU"
    GUEST = "guest"
    CONTAINER = "container"


class State(StrEnum):
    """How a hop is drawn."""

    SEEN = "seen"
    PASSED = "passed"
    """Seen, and not on the path: data passes by."""
    UNREAD = "unread"
    """Nothing that was read tells of it; dashed."""
    ALARM = "alarm"
    """A fact about it does not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One thing that data passes, with what was observed of it."""

    zone: Zone
    name: str
    """As it was observed; of what was not, what it would be."""
    details: tuple[str, ...] = ()
    is_read: bool = True
    is_on_path: bool = True
    alarms: tuple[str, ...] = ()
    """The facts about it that do not hold."""

    @property
    def state(self) -> State:
        """How it is drawn: an alarm is never hidden by anything else."""
        if self.alarms:
            return State.ALARM
        if not self.is_read:
            return State.UNREAD
        return State.SEEN if self.is_on_path else State.PASSED

    @property
    def said(self) -> tuple[str, ...]:
        """Its details, in words also where there are none."""
        return self.details if self.is_read or self.details else (NOT_READ,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A path from the node to what runs in the sandbox."""

    title: str
    hops: tuple[Hop, ...]

    @property
    def zones(self) -> Iterator[tuple[Zone, tuple[Hop, ...]]]:
        """The hops by zone, in the order in which the path crosses them."""
        for zone, hops in groupby(self.hops, key=lambda hop: hop.zone):
            yield zone, tuple(hops)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPath:
    """The lanes of one sandbox."""

    phase: str
    """When it was read: ``before`` or ``after`` the measurements."""
    machine: str
    """What runs the guest, or that nothing does."""
    lanes: tuple[Lane, ...]
    alarms: tuple[str, ...]
    """The facts that do not hold and belong to no hop."""
    notes: tuple[str, ...]
    """What was seen beside the path."""
