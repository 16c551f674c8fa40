"""Measured values, with all it takes to trust one."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from lab.units import Unit  # noqa: TC001 - msgspec reads the annotations


class Better(StrEnum):
    """Which way a metric improves. It belongs to the metric, not to the comparison."""

    HIGHER = "higher"
    """More is better: rates."""
    LOWER = "lower"
    """Less is better: times and sizes."""


class Metric(msgspec.Struct, frozen=True):
    """What is measured: a name, its unit and the direction of better."""

    name: str
    """Snake case, with direction and endpoints: ``tcp_out_goodput``."""
    unit: Unit
    """Of every value of it, as stored."""
    better: Better
    """Which way it improves."""
    title: str
    """For people: ``TCP, guest to node``."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One measured value. A missing value is no sample: it is never zero."""

    metric: Metric
    """What was measured."""
    value: float
    """In the unit of its metric."""
    cell: str
    """The cell that it was measured in."""
    round: int
    """From 1."""
    position: int
    """Place of the boot in the run's actual order, from 1."""
    boot: str
    """The sandbox it was measured in."""
    scenario: str
    """What measured it: the pytest node id without its parameter."""
    started: str
    """UTC, ISO 8601."""
    elapsed_s: float
    """Seconds that the measurement took."""
    raw: str | None
    """The tool's own report, relative to the run's directory."""
    noise: dict[str, float | None]
    """Deltas over the measurement; None is unknown, not clean."""
    attempt: int = 1
    """Which boot of its cell in its round: a contaminated one is measured again."""
    quality: dict[str, float | None] = {}
    """What else may be doubted of it, by the names of :mod:`lab.gates`; None is unknown."""
    cost: dict[str, float | None] = {}
    """Processors of the node that the sandbox took, by :data:`lab.cost.PARTS`; None is unknown."""
    conditions: dict[str, str] = {}
    """What the tool's own report says that it worked under: :mod:`lab.tools.conditions`."""
