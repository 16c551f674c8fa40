from __future__ import annotations

import math

import pytest

from lab.sample import Better
from lab.stats.verdict import Verdict, decide

MARGIN = 0.03


def said(
    ratio: float, half_width: float, *, better: Better = Better.HIGHER, narrower: float = 0.8
) -> Verdict:
    """What is said of *ratio* known within a relative *half_width*."""
    shift, half = math.log(ratio), math.log1p(half_width)
    return decide(
        shift=shift,
        interval=(shift - half, shift + half),
        equivalence_interval=(shift - narrower * half, shift + narrower * half),
        better=better,
        margin=MARGIN,
    )


@pytest.mark.parametrize(
    ("ratio", "half_width", "verdict"),
    [
        (0.90, 0.02, Verdict.WORSE),
        (1.10, 0.02, Verdict.BETTER),
        (1.00, 0.02, Verdict.EQUIVALENT),
        (1.02, 0.005, Verdict.EQUIVALENT),
        (0.98, 0.015, Verdict.INCONCLUSIVE),
        (1.00, 0.05, Verdict.INCONCLUSIVE),
        (0.90, 0.15, Verdict.INCONCLUSIVE),
        (0.9705, 0.01, Verdict.INCONCLUSIVE),
        (0.9695, 0.01, Verdict.WORSE),
        (1.0305, 0.01, Verdict.INCONCLUSIVE),
        (1.0310, 0.01, Verdict.BETTER),
    ],
)
def test_a_difference_needs_both_the_interval_and_the_margin(
    ratio: float, half_width: float, verdict: Verdict
) -> None:
    mirrored = {Verdict.WORSE: Verdict.BETTER, Verdict.BETTER: Verdict.WORSE}

    assert said(ratio, half_width) is verdict
    assert said(ratio, half_width, better=Better.LOWER) is mirrored.get(verdict, verdict)
    assert said(1 / ratio, half_width) is mirrored.get(verdict, verdict)


def test_equivalence_is_judged_by_the_narrower_interval() -> None:
    assert said(1.0, 0.032, narrower=0.8) is Verdict.EQUIVALENT
    assert said(1.0, 0.032, narrower=1.0) is Verdict.INCONCLUSIVE


def test_only_better_and_worse_are_differences() -> None:
    assert [verdict for verdict in Verdict if verdict.is_difference] == [
        Verdict.BETTER,
        Verdict.WORSE,
    ]
