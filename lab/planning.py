"""From what a user asked for to a plan: which cells, how many rounds, in which order; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.contamination import RULES_VERSION
from lab.controls import with_controls
from lab.design import PRIMARY, comparisons_of, held_by
from lab.errors import UsageError
from lab.matrix import Cell, Variant
from lab.plan import Design, Ordering, make
from lab.shards import cells_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.options import Wishes
    from lab.plan import Plan
    from lab.profile import Profile

SEED_LIMIT = 1 << 31
FEWEST_JUDGED = 5
"""Of fewer rounds nothing is claimed: who gives time for results wants at least so many."""
MOST_ROUNDS = 20
"""However imprecise the results: up to here the rule that stops was simulated."""


def plan_of(
    wishes: Wishes, cells: Sequence[Cell], *, profile: Profile, seed: int, has_reference: bool
) -> Plan:
    """
    Plan a run of *cells*, with the controls that it needs and the design that it declares.

    Args:
        has_reference: Whether the bench has the reference runtime.

    Raises:
        UsageError: if the wishes contradict each other.
    """
    least, most = _rounds(wishes, profile)
    chosen = cells if wishes.shard is None else cells_of(wishes.shard, cells)
    every, added = with_controls(
        chosen, wishes.controls, profile=profile, rounds=least, has_reference=has_reference
    )
    return make(
        every,
        profile=profile.name,
        rounds=most,
        seed=seed,
        added=added,
        ordering=wishes.order,
        design=Design(
            primary=PRIMARY,
            held=tuple(
                dict.fromkeys(
                    metric
                    for cell in every
                    if cell.variant is Variant.HANDICAP
                    for metric in held_by(cell)
                )
            ),
            comparisons=comparisons_of(every, added=[Cell.parse(a.cell_name) for a in added]),
            precision=profile.precision,
            min_rounds=least,
            max_rounds=most,
            budget_s=wishes.budget_s,
            rules=RULES_VERSION,
        ),
    )


def _rounds(wishes: Wishes, profile: Profile) -> tuple[int, int]:
    """How many rounds at least and at most: ``--rounds`` fixes both."""
    least = wishes.rounds or profile.rounds
    if wishes.order is Ordering.SEQUENTIAL:
        if wishes.budget_s is not None:
            raise UsageError(
                "--budget: what is left out are whole rounds, and a sequential order has none",
                remedy="leave out --budget, or --order",
            )
        return least, least
    if wishes.rounds:
        return least, least
    if wishes.budget_s is None:
        return least, profile.max_rounds
    return max(least, FEWEST_JUDGED), MOST_ROUNDS
