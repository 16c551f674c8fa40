"""Whose change it is."""

from __future__ import annotations

import math

import pytest

from lab.stats.share import is_own


@pytest.mark.parametrize(
    ("cell", "control", "expected"),
    [
        (0.9, 1.0, True),
        (1.1, 1.0, True),
        (1.0, 1.1, False),
        (1.0, 0.9, False),
        (0.95, 1.02, True),
        (0.98, 1.05, False),
        (0.9, 0.95, True),
        (1.05, 1.2, False),
    ],
)
def test_it_is_the_side_that_moved_further(cell: float, control: float, *, expected: bool) -> None:
    assert bool(is_own(math.log(cell / control), math.log(cell))) is expected


def test_many_are_judged_at_once() -> None:
    assert is_own([-0.1, -0.1], [-0.06, 0.0]).tolist() == [True, False]
