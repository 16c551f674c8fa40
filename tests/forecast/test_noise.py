from __future__ import annotations

import math
import random
import statistics
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.forecast.noise import ASSUMED_SD, History
from lab.forecast.source import Source
from lab.sample import Better, Metric, Sample
from lab.units import Unit

METRIC = Metric("m", Unit.SECOND, Better.LOWER, "m")
Boots = dict[str, list[float]]


def history(*runs: Boots) -> History:
    """Runs of cells by name, a value for each round."""
    made: list[Any] = [
        SimpleNamespace(
            valid_samples=tuple(
                Sample(
                    metric=METRIC, value=value, cell=cell, round=number, position=1,
                    boot=f"{cell}-r{number}", scenario="s", started="", elapsed_s=1.0, raw=None,
                    noise={},
                )
                for cell, values in boots.items()
                for number, value in enumerate(values, start=1)
            )
        )
        for boots in runs
    ]  # fmt: skip
    return History.of(made)


def test_the_noise_of_a_comparison_is_that_of_its_ratios() -> None:
    """What drifts between rounds hits both cells, and is none."""
    drift = [1.0, 2.0, 4.0, 8.0]
    noise = [1.0, 1.02, 0.99, 1.01]
    disturbed = [d * n for d, n in zip(drift, noise, strict=True)]

    found = history({"a": disturbed, "b": drift}).spread("a", "b", "m")

    assert found.source is Source.MEASURED
    assert found.sd == pytest.approx(statistics.stdev(map(math.log, noise)))


def test_runs_are_pooled_by_their_degrees_of_freedom_and_their_levels_are_none() -> None:
    one = {"a": [1.0, 1.1, 0.9], "b": [1.0, 1.0, 1.0]}
    other = {"a": [50.0, 55.0], "b": [1.0, 1.0]}

    found = history(one, other).spread("a", "b", "m")

    squares = 2 * statistics.variance(map(math.log, one["a"]))
    squares += statistics.variance(map(math.log, other["a"]))
    assert found.sd == pytest.approx(math.sqrt(squares / 3))


def test_cells_that_never_met_are_taken_as_independent() -> None:
    found = history({"a": [1.0, 1.1]}, {"b": [1.0, 1.2]}).spread("a", "b", "m")

    each = [statistics.stdev(map(math.log, values)) for values in ([1.0, 1.1], [1.0, 1.2])]
    assert found.source is Source.MEASURED
    assert found.sd == pytest.approx(math.hypot(*each))


def test_a_comparison_that_was_never_made_has_the_noise_of_all_cells() -> None:
    found = history({"a": [1.0, 1.1]}).spread("c", "d", "m")

    assert found.source is Source.SIMILAR
    assert found.sd == pytest.approx(math.sqrt(2) * statistics.stdev(map(math.log, [1.0, 1.1])))


@pytest.mark.parametrize(
    "runs",
    [
        (),
        # One boot has no spread, however often.
        ({"a": [1.0], "b": [1.0]}, {"a": [2.0], "b": [2.0]}),
        # Neither has what does not vary, nor what has no logarithm.
        ({"a": [1.0, 1.0], "b": [1.0, 1.0]},),
        ({"a": [1.0, 0.0], "b": [0.0, 1.0]},),
        ({"a": [1.0, math.nan], "b": [math.inf, 1.0]},),
    ],
)
def test_where_nothing_is_known_the_noise_is_assumed_and_said_to_be(
    runs: tuple[Boots, ...],
) -> None:
    found = history(*runs).spread("a", "b", "m")

    assert found.source is Source.ASSUMED
    assert found.sd == pytest.approx(math.sqrt(2) * ASSUMED_SD)
    assert history({"a": [1.0, 1.1]}).spread("a", "b", "another").source is Source.ASSUMED


@given(st.floats(1e-9, 1e9), st.integers(0, 1 << 30))
def test_the_unit_of_a_metric_and_the_side_of_a_cell_change_nothing(
    factor: float, seed: int
) -> None:
    generator = random.Random(seed)  # noqa: S311 - invented figures
    a, b = ([generator.lognormvariate(0, 0.1) for _ in range(6)] for _ in range(2))

    found = history({"a": a, "b": b}).spread("a", "b", "m").sd

    scaled = history({"a": [factor * x for x in a], "b": [factor * x for x in b]})
    assert scaled.spread("a", "b", "m").sd == pytest.approx(found, rel=1e-6)
    assert scaled.spread("b", "a", "m").sd == pytest.approx(found, rel=1e-6)
