"""S3: how often a real change is found, and whether the formula that is printed says so."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.stats.effect import ALPHA
from lab.stats.power import detectable_by, log_sd, power_of
from tests.simulations.campaigns import effects, is_significant
from tests.simulations.section import Check, Section, generator, percent, share

if TYPE_CHECKING:
    from collections.abc import Sequence

TOLERANCE = 0.03
"""How far the formula may be from what is found."""


@dataclass(frozen=True, slots=True)
class Case:
    """A change of so much, with so many boots that vary by so much."""

    change: float
    cv: float
    boots: int
    least: float = 0.0
    """How often it has to be found."""


CASES = (
    Case(0.10, 0.05, 10, least=0.95),
    Case(0.05, 0.03, 10, least=0.90),
    Case(0.10, 0.05, 5),
    Case(0.05, 0.03, 5),
    Case(0.05, 0.02, 5),
    Case(0.10, 0.08, 10),
    Case(0.05, 0.05, 20),
    Case(0.03, 0.02, 10),
)
WAYS = {"paired": True, "unpaired": False}


def powers(*, repeats: int = 2000, cases: Sequence[Case] = CASES) -> Section:
    """S3: normal boots of which one side has fallen."""
    rows, checks = [], []
    for case in cases:
        for way, is_paired in WAYS.items():
            random = generator("S3", case, way)
            sides = random.normal(0, log_sd(case.cv), (2, repeats, case.boots))
            seen = effects(sides, ratio=1 - case.change, same_rounds=is_paired)
            found = share(list(map(is_significant, seen)))
            claimed = share([effect.verdict.is_difference for effect in seen])
            said = _formula(case, is_paired=is_paired)
            name = f"{case}, {way}"
            checks.append(
                Check(name=f"{name}, formula", value=found - said, low=-TOLERANCE, high=TOLERANCE)
            )
            if is_paired:
                checks.append(Check(name=name, value=found, low=case.least))
            rows.append(
                (
                    f"-{case.change:.0%}".replace("%", " %"),
                    f"{case.cv:.0%}".replace("%", " %"),
                    str(case.boots),
                    way,
                    percent(found),
                    percent(said),
                    percent(claimed),
                    percent(_median([effect.smallest_detectable or math.nan for effect in seen])),
                    percent(_detectable(case, is_paired=is_paired)),
                )
            )
    return Section(
        goal="S3",
        title="A real change is found",
        text=(
            f"{repeats} campaigns a line of normal boots. *Found*: the interval excludes equality."
            f" *Formula*: what lab.stats.power says beforehand; accepted within"
            f" {100 * TOLERANCE:.0f} points. *Claimed*: the verdict is better or worse, which needs"
            " the margin of 3 % too. *Smallest detectable*: the median of what is printed beside an"
            " effect, and what is said before any boot. Wanted: -10 % at a CV of 5 % in 95 %,"
            " -5 % at 3 % in 90 %, with ten rounds."
        ),
        header=(
            *("change", "CV of boots", "boots", "rounds", "found", "formula", "claimed"),
            *("smallest detectable: printed", "planned"),
        ),
        rows=tuple(rows),
        checks=tuple(checks),
    )


def _spread(case: Case, *, is_paired: bool) -> float:
    return log_sd(case.cv) * (math.sqrt(2) if is_paired else 1.0)


def _formula(case: Case, *, is_paired: bool) -> float:
    return power_of(
        case.change,
        sd=_spread(case, is_paired=is_paired),
        boots=case.boots,
        alpha=ALPHA,
        paired=is_paired,
    )


def _detectable(case: Case, *, is_paired: bool) -> float:
    sd = _spread(case, is_paired=is_paired)
    return detectable_by(case.boots, sd=sd, alpha=ALPHA, paired=is_paired)


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
