"""
What was disturbed is measured again, within a limit: decided from noise alone, never from values.

At the end of its round a boot is started anew if nothing of some primary metric was measured in it
without contamination: what measures is run in it once more, and which attempt counts is said by
:func:`lab.contamination.to_be_used`. What stays contaminated degrades the run. Not in a smoke run
of one round: nothing is claimed of it.

A boot that the bench has lost (INFRA: an emulator loses a guest now and then) is made again whole,
and takes the place of the one that was lost. All attempts are kept. A FAIL is the cell's own, and
is not made again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from lab.contamination import judge, to_be_used
from lab.matrix import Variant
from lab.outcome import Outcome
from lab.profile import SMOKE
from lab.records import BootEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lab.plan import Boot, Plan
    from lab.records import BootRecord, OutcomeRecord
    from lab.sample import Sample

MOST_ATTEMPTS = 3
"""Of one boot: it is repeated twice at most."""
NAMED = 5
"""More boots than that are not listed."""
SHARE = 0.2
"""Of the boots of a run: no more repeats because of noise. More of it is not to be waited out."""


def repeats(plan: Plan) -> tuple[Boot, ...]:
    """Every boot that the run of *plan* may have to make again, in the order of the plan."""
    if not plan.design.rules:
        return ()
    return tuple(
        repeat(boot, attempt) for boot in plan.order for attempt in range(2, MOST_ATTEMPTS + 1)
    )


def _waits_out(plan: Plan) -> bool:
    """Whether what was disturbed is made again: not of a glance, which claims nothing."""
    return plan.profile != SMOKE.name or plan.rounds > 1


def contaminated(plan: Plan, samples: Iterable[Sample]) -> tuple[Boot, ...]:
    """The first attempts of which some primary metric has no sample that is not contaminated."""
    primary = [sample for sample in samples if sample.metric.name in plan.design.primary]
    bad = {
        (sample.cell, sample.round)
        for sample in to_be_used(primary)
        if judge(sample.noise).is_contaminated
    }
    return tuple(boot for boot in plan.order if (boot.cell_name, boot.round) in bad)


def lost(plan: Plan, outcomes: Iterable[OutcomeRecord]) -> tuple[Boot, ...]:
    """The first attempts whose last attempt was lost by the bench: its fault, not the cell's."""
    last: dict[tuple[str, int], dict[int, bool]] = defaultdict(dict)
    for record in outcomes:
        attempts = last[record.cell, record.round]
        is_lost = record.outcome is Outcome.INFRA
        attempts[record.attempt] = attempts.get(record.attempt, False) or is_lost
    gone = {what for what, attempts in last.items() if attempts[max(attempts)]}
    return tuple(boot for boot in plan.order if (boot.cell_name, boot.round) in gone)


def replaced(journal: Iterable[BootRecord], outcomes: Iterable[OutcomeRecord]) -> Mapping[str, str]:
    """
    By boot that the bench lost: the attempt that was made whole in its place.

    What the bench has lost says nothing of its cell; what was made again says all of it.
    """
    ended = {each.boot for each in journal if each.event is BootEvent.ENDED}
    attempts: dict[tuple[str, int], dict[int, str]] = defaultdict(dict)
    gone = set()
    for record in outcomes:
        attempts[record.cell, record.round][record.attempt] = record.boot
        if record.outcome is Outcome.INFRA:
            gone.add(record.boot)
    found: dict[str, str] = {}
    for boots in attempts.values():
        last = boots[max(boots)]
        if last in ended - gone:
            found |= {boot: last for boot in boots.values() if boot in gone}
    return found


def degradation(plan: Plan, samples: Iterable[Sample]) -> str:
    """What of a run that repeats is contaminated all the same, in a sentence; or nothing."""
    left = contaminated(plan, samples) if repeats(plan) and _waits_out(plan) else ()
    if not left:
        return ""
    named = ", ".join(boot.id for boot in left[:NAMED])
    more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
    return (
        f"Degraded: {len(left)} of {len(plan.order)} boots stay contaminated, and were not measured"
        f" again, or not often enough to help: {named}{more}."
    )


@dataclass(slots=True)
class Repeats:
    """The repeats of one run, as it goes on."""

    plan: Plan
    attempts: Counter[str] = field(default_factory=Counter)
    """By the id of a first attempt: how often it was repeated, whatever came of it."""
    waited_out: int = field(init=False)
    """How many of these were made because of noise."""

    def __post_init__(self) -> None:
        self.waited_out = self.attempts.total()  # of a run that goes on nobody knows: be modest

    def due(
        self, samples: Sequence[Sample], outcomes: Sequence[OutcomeRecord] = (), *, rounds: int
    ) -> tuple[Boot, ...]:
        """
        The boots to be made now, after *rounds* rounds with these *samples* and *outcomes*.

        They count as made. With a cell its handicap is repeated, which is held to a share of
        what the cell has shown.
        """
        if not repeats(self.plan):
            return ()
        gone = self._repeatable(lost(self.plan, outcomes))
        bad = contaminated(self.plan, samples) if _waits_out(self.plan) else ()
        noisy = [boot for boot in self._repeatable(bad) if boot not in gone][: self._left(rounds)]
        self.waited_out += len(noisy)
        again = [boot for boot in self.plan.order if boot in gone or boot in noisy]
        self.attempts.update(boot.id for boot in again)
        return tuple(repeat(boot, self.attempts[boot.id] + 1) for boot in again)

    def _repeatable(self, boots: Sequence[Boot]) -> list[Boot]:
        every = self._with_handicaps(boots)
        return [boot for boot in every if self.attempts[boot.id] + 1 < MOST_ATTEMPTS]

    def _left(self, rounds: int) -> int:
        sure = max(rounds, self.plan.design.min_rounds)
        boots = sum(boot.round <= sure for boot in self.plan.order)
        return max(0, int(SHARE * boots) - self.waited_out)

    def _with_handicaps(self, boots: Sequence[Boot]) -> list[Boot]:
        plain = {(boot.cell, boot.round) for boot in boots}
        return [
            boot
            for boot in self.plan.order
            if boot in boots
            or (boot.cell.variant is Variant.HANDICAP and (boot.cell.plain, boot.round) in plain)
        ]


def repeat(boot: Boot, attempt: int) -> Boot:
    """The boot that makes the first attempt *boot* again."""
    return msgspec.structs.replace(boot, id=f"{boot.id}-a{attempt}", attempt=attempt)
