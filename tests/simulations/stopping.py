"""S7: rounds that are added until the interval is narrow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lab.stats.effect import ALPHA, Effect
from lab.stats.precision import KEPT, kept_alpha, look
from tests.simulations.campaigns import covers, effects
from tests.simulations.section import Check, Section, generator, percent, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.simulations.noise import Floats

LEAST_COVERAGE = 0.93
MOST_ROUNDS = 20
CVS = (0.02, 0.04, 0.08)
DESIGNS = ((0.05, 5), (0.05, 6), (0.03, 6), (0.03, 10))
"""Precision and the least number of rounds; two rounds between looks."""


def stopping(
    *,
    repeats: int = 2000,
    cvs: Sequence[float] = CVS,
    designs: Sequence[tuple[float, int]] = DESIGNS,
) -> Section:
    """S7: equal cells, looked at after each step as a run does."""
    rows, checks = [], []
    for precision, least in designs:
        for cv in cvs:
            sides = generator("S7", precision, least, cv).normal(0, cv, (2, repeats, MOST_ROUNDS))
            ended = _ended(sides, precision=precision, least=least)
            coverage = share([covers(effect, 1.0) for effect in ended])
            name = f"precision {precision}, from {least} rounds, CV {cv}"
            checks.append(Check(name=name, value=coverage, low=LEAST_COVERAGE))
            boots = sorted(effect.boots for effect in ended)
            rows.append(
                (
                    percent(precision, 0),
                    str(least),
                    percent(cv, 0),
                    percent(coverage),
                    f"{sum(boots) / len(boots):.1f}",
                    str(boots[math.ceil(0.9 * len(boots)) - 1]),
                )
            )
    return Section(
        goal="S7",
        title="Rounds that stop on precision",
        text=(
            f"{repeats} campaigns a line of two equal cells; two rounds are added at a time, up to"
            f" {MOST_ROUNDS}, until the interval is as narrow as wanted. Looking costs confidence,"
            f" so intervals are made at an alpha of {percent(ALPHA * KEPT)} where rounds may stop."
            f" Accepted: the interval holds the truth in"
            f" {percent(LEAST_COVERAGE, 0)} at least. Stopping when something is significant is not"
            " among what the lab can do."
        ),
        header=(
            "precision",
            "from",
            "CV of boots",
            "coverage",
            "mean rounds",
            "90 %",
        ),
        rows=tuple(rows),
        checks=tuple(checks),
    )


def _ended(sides: Floats, *, precision: float, least: int) -> list[Effect]:
    """What each campaign says when its rounds end."""
    alpha = kept_alpha(ALPHA, min_rounds=least, max_rounds=MOST_ROUNDS)
    going = list(range(sides.shape[1]))
    ended: list[Effect] = []
    rounds = least
    while going:
        found = effects(sides[:, going, :rounds], alpha=alpha)
        looks = [
            look(
                {"tcp": effect.half_width},
                rounds=rounds,
                min_rounds=least,
                max_rounds=MOST_ROUNDS,
                step=2,
                precision=precision,
            )
            for effect in found
        ]
        ended += [e for e, seen in zip(found, looks, strict=True) if seen.stop]
        going = [place for place, seen in zip(going, looks, strict=True) if not seen.stop]
        rounds = max(seen.next_rounds for seen in looks)
    return ended
