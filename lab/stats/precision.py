"""
When to stop adding rounds: by precision, rounds or time; never by what the result is.

Stopping at the first significant difference would find one in a fifth of runs of equal cells.
Stopping when intervals are narrow is not free either: rounds end a little more often where chance
has made them look alike, and an interval of 95 % by the book would hold the truth in 92 to 94 %.
So a run that may stop makes its intervals at :func:`kept_alpha` (docs/statistics.md, S7).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

KEPT = 0.7
"""The share of alpha that is left where rounds stop on precision: the rest is spent by looking."""


class Stop(StrEnum):
    """Why no more rounds are run."""

    PRECISE = "precise"
    """Every interval is narrow enough."""
    ROUNDS = "rounds"
    """There are no more in the plan."""
    BUDGET = "budget"
    """The next ones would not end in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One check of the precision, after a round. All of them are kept."""

    rounds: int
    """That were done."""
    widest: float | None
    """The widest relative half-width; None if some comparison has no interval yet."""
    widest_name: str
    """Of which comparison; of the first without an interval, if there is one."""
    stop: Stop | None
    """None: another step is run."""
    next_rounds: int
    """How many rounds there will be at the next look; those that were done, if it stops."""


def kept_alpha(alpha: float, *, min_rounds: int, max_rounds: int) -> float:
    """At which error rate intervals are made so that they keep *alpha*, whenever rounds stop."""
    return alpha * KEPT if min_rounds < max_rounds else alpha


def look(
    half_widths: Mapping[str, float | None],
    *,
    rounds: int,
    min_rounds: int,
    max_rounds: int,
    step: int,
    precision: float,
    elapsed_s: float = 0.0,
    budget_s: float | None = None,
) -> Look:
    """
    Decide after *rounds* rounds whether more are needed.

    *half_widths* are those of the primary comparisons by name, and None for one that has no
    interval yet. A comparison that can never have one (a cell that this bench cannot run) is
    to be left out, or the run would go on to its end for it. Without any comparison there is
    nothing to be precise about: the least number of rounds is enough.
    """
    lacking = [name for name, width in half_widths.items() if width is None]
    known = {name: width for name, width in half_widths.items() if width is not None}
    name = lacking[0] if lacking else max(known, key=known.__getitem__, default="")
    widest = None if lacking else known.get(name)
    following = min_rounds if rounds < min_rounds else min(rounds + step, max_rounds)
    stop: Stop | None = None
    if rounds >= min_rounds and not lacking and (widest is None or widest <= precision):
        stop = Stop.PRECISE
    elif rounds >= max_rounds:
        stop = Stop.ROUNDS
    elif budget_s is not None and elapsed_s * following / rounds > budget_s:
        stop = Stop.BUDGET
    return Look(
        rounds=rounds,
        widest=widest,
        widest_name=name,
        stop=stop,
        next_rounds=rounds if stop else following,
    )
