"""
What is left to do of a run that has ended early, by its journal; pure.

Whole boots stay as they are. One that was cut short, or in which the bench failed, is made again
from its first scenario on, as a new attempt that counts in its place: what was measured before and
after the cut was not measured in one sandbox. One in which the bench failed twice is set aside, and
with it what is left of its cell: it would take the bench down in every round.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.outcome import BY_THE_BENCH, Outcome
from lab.records import BootEvent
from lab.repeats import repeat

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lab.plan import Boot
    from lab.records import OutcomeRecord
    from lab.run import Run

MOST_FAILURES = 2
"""So often may the bench fail in one boot until that is set aside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remainder:
    """The boots that are left, and what was before them."""

    boots: tuple[Boot, ...]
    """In the order of the plan; those of rounds that were never needed are left out."""
    instead_of: Mapping[str, str]
    """By boot that is made again: the attempt that it replaces."""
    set_aside: Mapping[str, str]
    """By boot that is left and will not be measured: why not."""
    attempts: Counter[str]
    """By first attempt: how often it was, or is about to be, made again."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One attempt, as it lies on the disk."""

    boot: str
    number: int
    events: frozenset[BootEvent]
    records: tuple[OutcomeRecord, ...]

    @property
    def is_done(self) -> bool:
        """Whether nothing of it is left to be done."""
        if BootEvent.SET_ASIDE in self.events:
            return BootEvent.ENDED in self.events
        return BootEvent.ENDED in self.events and not any(map(_is_of_bench, self.records))

    @property
    def has_failed(self) -> bool:
        """Whether the bench has failed in it: it said so, or was gone before it could."""
        if BootEvent.SET_ASIDE in self.events or BootEvent.OPENED not in self.events:
            return False
        if any(record.outcome is Outcome.INFRA for record in self.records):
            return True
        return not self.events & {BootEvent.ENDED, BootEvent.INTERRUPTED}


def remainder(run: Run) -> Remainder:
    """What is left of *run*."""
    attempts = _attempts(run)
    boots: list[Boot] = []
    instead_of: dict[str, str] = {}
    set_aside: dict[str, str] = {}
    again: Counter[str] = Counter()
    ill: dict[str, str] = {}
    for first in run.header.plan.order:
        made = attempts.get(first.id, ())
        last = max(made, key=lambda each: each.number, default=None)
        if last is None:
            boots += [first] if first.round <= run.rounds else []
            continue
        if not last.is_done:
            boot = repeat(first, last.number + 1)
            boots.append(boot)
            instead_of[boot.id] = last.boot
            failures = [each for each in made if each.has_failed]
            if len(failures) >= MOST_FAILURES:
                set_aside[boot.id] = ill[first.cell_name] = _why(failures)
        again[first.id] = last.number - 1 if last.is_done else last.number
        if BootEvent.SET_ASIDE in last.events:
            ill.setdefault(first.cell_name, _why(made))
    for boot in boots:
        if boot.cell_name in ill:
            set_aside.setdefault(boot.id, f"with its cell: {ill[boot.cell_name]}")
    return Remainder(
        boots=tuple(boots), instead_of=instead_of, set_aside=set_aside, attempts=+again
    )


def open_boots(run: Run) -> tuple[str, ...]:
    """The boots, by id, that were begun and have neither ended nor been found interrupted."""
    over = {BootEvent.ENDED, BootEvent.INTERRUPTED}
    return tuple(
        each.boot
        for made in _attempts(run).values()
        for each in made
        if BootEvent.BEGUN in each.events and not each.events & over
    )


def _attempts(run: Run) -> Mapping[str, tuple[_Attempt, ...]]:
    """By first attempt: all of a boot that were begun."""
    events: dict[str, set[BootEvent]] = defaultdict(set)
    known: dict[str, tuple[str, int]] = {}
    for each in run.journal:
        events[each.boot].add(each.event)
        known[each.boot] = (each.first, each.attempt)
    records: dict[str, list[OutcomeRecord]] = defaultdict(list)
    for record in run.recorded:
        records[record.boot].append(record)
    found: dict[str, list[_Attempt]] = defaultdict(list)
    for boot, (first, number) in known.items():
        found[first].append(_Attempt(boot, number, frozenset(events[boot]), tuple(records[boot])))
    return {first: tuple(made) for first, made in found.items()}


def _is_of_bench(record: OutcomeRecord) -> bool:
    return record.outcome is Outcome.INFRA or (
        record.outcome is Outcome.BLOCKED and record.reason.startswith(BY_THE_BENCH)
    )


def _why(failures: Iterable[_Attempt]) -> str:
    told = []
    for each in failures:
        said = next((r.reason for r in each.records if r.outcome is Outcome.INFRA), "")
        first_line = said.partition("\n")[0]
        told.append(f"attempt {each.number}: {first_line or 'the lab ended in it'}")
    return f"set aside, as the bench failed in it {len(told)} times ({'; '.join(told)})"
