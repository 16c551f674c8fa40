"""
What an analysis says: the types of ``analysis.json``.

The file is made from the run's directory and from nothing else, and the same directory makes the
same bytes. Numbers have ten significant digits: below them processors may differ, and nobody
reads them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from lab.decode import DecodeError, json_as
from lab.errors import StoreError
from lab.plan import Design, Role  # noqa: TC001 - msgspec reads the annotations
from lab.sample import Metric  # noqa: TC001 - msgspec reads the annotations
from lab.stats.effect import Effect  # noqa: TC001 - msgspec reads the annotations

SCHEMA_VERSION = 1
"""
Of ``analysis.json``.

History: 1 is the first.
"""
SIGNIFICANT_DIGITS = 10


class Correction(StrEnum):
    """How the p values of a family are adjusted for each other."""

    HOLM = "holm"
    """The chance of any false finding in the family is held."""
    BENJAMINI_HOCHBERG = "benjamini-hochberg"
    """The share of false findings among the findings of the family is held."""


class Mark(StrEnum):
    """What an effect counts for, after all others of its family were looked at too."""

    GATE = "gate"
    """A difference that the run may be judged by."""
    EXPLORATORY = "exploratory"
    """A difference worth a look; some of them are false."""
    NONE = "none"
    """No difference that counts; what is behind the number may still be one."""


class ControlStatus(StrEnum):
    """What the run's own tests of itself, the twin and the handicap, have shown."""

    OK = "ok"
    """The twin: no difference where there is none."""
    SUSPECT = "suspect"
    """The twin: a difference where there is none. Then others may be false too."""
    FOUND = "found"
    """The handicap: what was slowed is slower."""
    MISSED = "missed"
    """The handicap: what was slowed is not shown to be. Then others may be missed too."""
    UNKNOWN = "unknown"
    """There were not the data to say."""
    ABSENT = "absent"
    """The plan has none."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One metric in one cell, without contaminated samples. None is what cannot be told."""

    cell: str
    """The cell."""
    metric: str
    """The metric, by name; values are in its unit."""
    boots: int
    """How many boots have a sample that is not contaminated."""
    centre: float | None = None
    """Of the boots: the geometric mean, or the arithmetic one of values that may be zero."""
    low: float | None = None
    """The smallest boot."""
    high: float | None = None
    """The largest boot."""
    relative_sd: float | None = None
    """Between boots, over the centre."""
    boot_sd: float | None = None
    """The part of it that boots bring, relative; see :mod:`lab.stats.components`."""
    iteration_sd: float | None = None
    """The part that iterations within a boot bring."""
    icc: float | None = None
    """The share of a single iteration's variance that lies between boots."""
    recommended_iterations: int | None = None
    """By what a boot and an iteration cost here, and how much each varies."""
    samples: int
    """With the contaminated ones."""
    contaminated: int
    """How many of them were disturbed, and left out."""
    unknown: int
    """Samples of which some rule could not be asked, and none was broken."""


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """Effects whose p values are adjusted for each other."""

    name: str
    """``gate``, or what is explored."""
    correction: Correction
    """How they are adjusted."""
    size: int
    """How many p values there are: m."""
    level: float
    """What an adjusted p value must not exceed for a mark."""


class MetricEffect(msgspec.Struct, frozen=True, kw_only=True):
    """A declared comparison on one metric."""

    cell: str
    """The cell that is judged."""
    baseline: str
    """The cell that it is divided by."""
    role: Role
    """What the comparison was declared for."""
    metric: str
    """The metric, by name."""
    is_primary: bool
    """Whether the gate judges it; else it is explored."""
    family: str
    """The family that its p value is adjusted in, by name."""
    effect: Effect
    """Without contaminated samples."""
    with_contaminated: Effect | None = None
    """With every sample; None where none was contaminated."""
    p_adjusted: float | None = None
    """By the family's correction; None where there is no p value."""
    mark: Mark = Mark.NONE
    """What it counts for after that."""


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """What the twin or the handicap has shown over the primary metrics."""

    status: ControlStatus
    """What came of it."""
    differing: tuple[str, ...] = ()
    """Metrics in which the cells differ: of the handicap, in which it is worse."""
    unknown: tuple[str, ...] = ()
    """Metrics without a number."""


class Contaminated(msgspec.Struct, frozen=True, kw_only=True):
    """How many samples of a cell were disturbed, and by what."""

    cell: str
    """The cell."""
    samples: int
    """How many it has in all."""
    contaminated: int
    """How many of them were disturbed."""
    unknown: int
    """Samples of which some rule could not be asked, and none was broken."""
    rules: dict[str, int]
    """Samples by the rule that they break."""


class Caution(msgspec.Struct, frozen=True, kw_only=True):
    """Something that whoever reads the numbers must know, by name."""

    name: str
    """What kind it is: one word for programs."""
    text: str
    """What must be known, in a sentence."""
    cell: str = ""
    """Empty if it is about the run."""
    metric: str = ""
    """The metric that it is about, if it is about one."""


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """What the samples of one run say, and how far they can be believed."""

    schema: int = SCHEMA_VERSION
    """The version of this file."""
    run: str
    """The run, by id."""
    design: Design
    """What the run had declared."""
    alpha: float
    """
    At which intervals were made, and at which the gate judges.

    Less than the design's where rounds may stop on precision, so that these hold what it says.
    """
    rules: int
    """The version of the rules of contamination that were applied."""
    metrics: tuple[Metric, ...]
    """All that has a sample."""
    summaries: tuple[Summary, ...]
    """Each metric in each cell, by itself."""
    families: tuple[Family, ...]
    """What p values were adjusted for."""
    effects: tuple[MetricEffect, ...]
    """In the order of the design's comparisons, then of the metrics."""
    twin: Control
    """What one cell under two names has shown."""
    handicap: Control
    """What a cell that was slowed on purpose has shown."""
    contamination: tuple[Contaminated, ...]
    """How much of each cell was disturbed."""
    cautions: tuple[Caution, ...]
    """What makes the numbers doubtful."""
    departures: tuple[str, ...]
    """What was done otherwise than planned, in sentences."""

    def effect(self, cell: str, baseline: str, metric: str) -> MetricEffect | None:
        """What the run says of *cell* against *baseline* on *metric*, if it was declared."""
        wanted = (cell, baseline, metric)
        return next(
            (each for each in self.effects if (each.cell, each.baseline, each.metric) == wanted),
            None,
        )


def to_json(analysis: Analysis) -> bytes:
    """The content of ``analysis.json``."""
    document = _rounded(msgspec.to_builtins(analysis))
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def from_json(content: bytes) -> Analysis:
    """
    Read the content of ``analysis.json`` back.

    Raises:
        StoreError: if it is something else.
    """
    try:
        return json_as(content, Analysis)
    except DecodeError as error:
        remedy = "write it again: `lab report`"
        raise StoreError(f"the analysis is damaged: {error}", remedy=remedy) from error


def _rounded(document: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    match document:
        case float():
            return float(f"{document:.{SIGNIFICANT_DIGITS}g}")
        case dict():
            return {name: _rounded(value) for name, value in document.items()}
        case list() | tuple():
            return [_rounded(value) for value in document]
        case _:
            return document
