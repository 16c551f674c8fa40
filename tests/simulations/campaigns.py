"""Noise in, effects out: the boots of many campaigns through the project's own comparison."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lab.sample import Better
from lab.stats.effect import ALPHA, MARGIN, Pair, compare_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.stats.effect import Effect
    from tests.simulations.noise import Floats

UNIT = 1e9
"""A figure of the size that throughput has; ratios must not feel it."""


def effects(
    sides: Floats,
    *,
    ratio: float = 1.0,
    same_rounds: bool = True,
    margin: float = MARGIN,
    alpha: float = ALPHA,
) -> tuple[Effect, ...]:
    """Compare the two *sides* of each campaign, of which the first is *ratio* times the second."""
    cells, baselines = np.exp(sides) * UNIT
    return compare_all(
        Pair(
            values=_by_round(cell),
            baseline=_by_round(baseline),
            better=Better.HIGHER,
            margin=margin,
            alpha=alpha,
            same_rounds=same_rounds,
        )
        for cell, baseline in zip((ratio * cells).tolist(), baselines.tolist(), strict=True)
    )


def known(found: Sequence[Effect]) -> list[Effect]:
    """Those with a number: who has fewer than five boots left has none."""
    return [effect for effect in found if effect.p is not None]


def is_significant(effect: Effect, alpha: float = ALPHA) -> bool:
    """Whether the interval excludes equality, whatever the margin."""
    return effect.p is not None and effect.p < alpha


def covers(effect: Effect, ratio: float) -> bool:
    """Whether the interval holds the true *ratio*."""
    return effect.low is not None and effect.high is not None and effect.low <= ratio <= effect.high


def _by_round(values: list[float]) -> dict[int, float]:
    return {number: value for number, value in enumerate(values, 1) if not math.isnan(value)}
