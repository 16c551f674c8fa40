"""What became of a scenario, and the facts that prove what it ran on."""

from __future__ import annotations

from enum import StrEnum

import msgspec

BY_THE_BENCH = "by the bench"
"""How the reason of what is BLOCKED begins where no sandbox was at fault."""


class Outcome(StrEnum):
    """What became of one scenario in one boot of a cell. Never mixed."""

    PASS = "PASS"  # noqa: S105 - an outcome, not a password
    """It did what it must."""
    FAIL = "FAIL"
    """It did not."""
    UNSUPPORTED = "UNSUPPORTED"
    """Probed: this bench cannot run the cell, and here is what it answered."""
    BLOCKED = "BLOCKED"
    """The sandbox did not come up, so nothing can be said."""
    INVALID = "INVALID"
    """The evidence contradicts the cell's name, or a sanity gate failed."""
    INFRA = "INFRA"
    """The bench's own fault."""
    NOT_RUN = "NOT-RUN"
    """Left out by budget, selection or an interruption."""

    @property
    def is_bad(self) -> bool:
        """Whether a run with this outcome in it must not exit with status 0."""
        return self in {Outcome.FAIL, Outcome.BLOCKED, Outcome.INVALID, Outcome.INFRA}


class Support(msgspec.Struct, frozen=True, kw_only=True):
    """Whether this bench can run a cell: what was asked, and what was answered."""

    is_supported: bool
    asked: str = ""
    answered: str = ""
    reason: str = ""


SUPPORTED = Support(is_supported=True)


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One statement about a live sandbox: where it was read, and whether it holds."""

    subject: str
    """What the fact is about, e.g. ``ingress qdisc on eth0``."""
    source: str
    """The command or file that was read, e.g. ``tc qdisc show`` (pod)."""
    expected: str
    """What the cell's name demands."""
    observed: str
    """What was read."""
    holds: bool
    """Whether the one is the other."""
    count: int | None = None
    """What was counted so far, where something is: the measurements must have made it more."""

    def __str__(self) -> str:
        return f"{self.subject}: expected {self.expected}, observed {self.observed}"


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Facts read from the live system that prove which network and storage are in effect."""

    phase: str
    """``before`` or ``after`` the measurements."""
    facts: tuple[Fact, ...]
    """What was read, and whether it is what the cell's name says."""
    raw: dict[str, str]
    """What the commands printed, by command: so that anyone can judge again."""

    @property
    def contradictions(self) -> tuple[Fact, ...]:
        """The facts that do not hold; one is enough to make the cell's samples INVALID."""
        return tuple(fact for fact in self.facts if not fact.holds)
