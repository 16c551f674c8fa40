"""Which of the nights before may be compared with tonight: those of its epoch."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from lab.comparability import Key, differences, told
from lab.history.night import Kind
from lab.records import RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from lab.history.night import Entry

FIRST = "the first night on record"


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """The nights in a row with the same of everything that must be equal, up to tonight."""

    since: datetime
    reason: str
    """What began it."""
    nights: tuple[Entry, ...]
    """Oldest first; tonight is not among them."""


def epoch_of(tonight: Entry, entries: Iterable[Entry], *, allowed: Sequence[str] = ()) -> Epoch:
    """
    The epoch that *tonight* belongs to, from all that is in the history.

    Nights of another topology, profile or machine are others' history, and not looked at. Any
    other difference begins an epoch, and so does a night on which the machine was seen to have
    changed.
    """
    nights = [
        entry
        for entry in entries
        if entry.night is not None
        and entry.status is RunStatus.COMPLETE
        and (entry.created, entry.run) < (tonight.created, tonight.run)
        and stream_of(entry) == stream_of(tonight)
    ]
    start, reason = 0, FIRST
    for place, (before, after) in enumerate(pairwise([*nights, tonight])):
        if changed := differences(key_of(before), key_of(after), allowed=allowed):
            start, reason = place + 1, told(changed)
        elif after.night is not None and (moved := _environment_change(after)):
            start, reason = place + 1, moved
    kept = tuple(nights[start:])
    return Epoch(
        since=kept[0].created if kept else tonight.created,
        reason=reason,
        nights=kept,
    )


def key_of(entry: Entry) -> Key:
    """The comparability key of the run that *entry* is of."""
    return Key(facts=entry.facts, metrics=entry.metrics)


def stream_of(entry: Entry) -> tuple[str, ...]:
    """What runs must share to be of one history at all: another's is not looked at."""
    return entry.topology, entry.profile, entry.facts.get("host machine", "")


def _environment_change(entry: Entry) -> str:
    assert entry.night is not None  # noqa: S101 - the caller has asked
    moved = [event.cell for event in entry.night.events if event.kind is Kind.ENVIRONMENT]
    return f"the machine changed: {', '.join(dict.fromkeys(moved))}" if moved else ""
