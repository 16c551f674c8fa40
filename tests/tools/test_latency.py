"""Percentiles are told only where there are waits enough."""

from __future__ import annotations

import pytest

from lab.errors import ToolOutputError
from lab.tools.latency import Latency


def latency(count: int, **percentiles_s: float) -> Latency:
    by_percent = {float(name.removeprefix("p")): value for name, value in percentiles_s.items()}
    return Latency(count=count, mean_s=1e-3, percentiles_s=by_percent)


def test_hundred_waits_have_a_99th_percentile() -> None:
    assert latency(100, p99=5e-3).percentile_s(99) == 5e-3


def test_of_fewer_waits_it_would_be_the_maximum() -> None:
    with pytest.raises(ToolOutputError, match="99 observations are too few for percentile 99"):
        latency(99, p99=5e-3).percentile_s(99)


def test_two_waits_have_a_median() -> None:
    assert latency(2, p50=1e-3).percentile_s(50) == 1e-3


def test_one_wait_has_none() -> None:
    with pytest.raises(ToolOutputError, match="too few"):
        latency(1, p50=1e-3).percentile_s(50)


def test_percentile_that_the_tool_did_not_report() -> None:
    with pytest.raises(ToolOutputError, match="percentile 90 was not reported"):
        latency(1000, p50=1e-3).percentile_s(90)


def test_nothing_takes_no_time() -> None:
    with pytest.raises(ToolOutputError, match="percentile 50 is 0 s"):
        latency(1000, p50=0.0).percentile_s(50)
