"""Samples made up for a test."""

from __future__ import annotations

from typing import Any

from lab.sample import Better, Metric, Sample
from lab.units import Unit

GOODPUT = Metric("tcp_out_goodput", Unit.BIT_PER_SECOND, Better.HIGHER, "TCP, guest to node")
FSYNC = Metric("fsync_p50", Unit.SECOND, Better.LOWER, "fsync, median")


def sample(value: float = 1e9, metric: Metric = GOODPUT, **others: Any) -> Sample:  # noqa: ANN401
    known: dict[str, Any] = {
        "cell": "tcfilter+virtiofs+reference",
        "round": 1,
        "position": 1,
        "boot": "tcfilter+virtiofs+reference-r1",
        "scenario": "network/test_throughput.py::test_tcp_out",
        "started": "2026-11-24T12:00:00.000+00:00",
        "elapsed_s": 10.0,
        "raw": None,
        "noise": {},
        **others,
    }
    return Sample(metric=metric, value=value, **known)
