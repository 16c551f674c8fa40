"""What is kept of a run for the nights to come, and what a night has told."""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003 - msgspec reads the annotations
from enum import StrEnum

import msgspec

from lab.plan import Design  # noqa: TC001 - msgspec reads the annotations
from lab.records import RunStatus  # noqa: TC001
from lab.sample import Better  # noqa: TC001

SCHEMA_VERSION = 1
"""Of ``nightly.json`` and of the index. An index of another version is made anew."""


class Kind(StrEnum):
    """What a night has to tell of one series, or of a control."""

    REGRESSION = "regression"
    """Worse than before, by the screen and by the re-run: the only one that ends in an alarm."""
    IMPROVEMENT = "improvement"
    """Better than before, likewise: the level that the nights to come are compared with."""
    NOT_CONFIRMED = "screened, not confirmed"
    """The re-run did not bear out what the screen saw: no blame."""
    UNDECIDED = "screened, not decided"
    """The re-run has too few rounds, or there was none."""
    CONTROL = "control moved"
    """The ratio is another because the control is: no blame."""
    ENVIRONMENT = "environment change"
    """A control is not where its own nights let one expect it: a new epoch, and no blame."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a night has to tell."""

    kind: Kind
    """What it is."""
    cell: str
    """The cell of the series."""
    metric: str
    """The metric of the series, by name."""
    control: str = ""
    """What the cell was read against; empty if it is a control itself."""
    better: Better
    """Which way the metric improves."""
    shift: float
    """Of the logarithm, against the nights before."""
    low: float | None = None
    """The lower end of the shift's 95 % interval, where there was a re-run."""
    high: float | None = None
    """The upper end."""
    p: float | None = None
    """Of the re-run against what the nights let expect, or of the screen where there was none."""
    rounds: int = 0
    """Of the re-run; 0 without one."""
    nights: int = 0
    """That the shift is against."""
    is_known: bool = False
    """Whether somebody had taken on a regression of this series: then this is another."""
    note: str = ""
    """What else is to be said of it: why nothing was decided, whose regression it was."""


class Night(msgspec.Struct, frozen=True, kw_only=True):
    """``nightly.json`` in the run of the first stage: what was decided, and by what."""

    schema: int = SCHEMA_VERSION
    """The version of this file."""
    epoch_since: datetime
    """When the run was begun that the epoch began with."""
    epoch_reason: str
    """What had changed then."""
    epoch_nights: int
    """Tonight is one of them."""
    series: int
    """That were screened, or could have been."""
    learning: int
    """Of them, those without a night to compare with."""
    events: tuple[Event, ...] = ()
    """What it has to tell, the gravest first."""
    known: tuple[str, ...] = ()
    """Regressions that somebody has taken on, a line each."""
    comments: tuple[str, ...] = ()
    """What the search for changes on the whole history says: a second opinion."""
    warnings: tuple[str, ...] = ()
    """What is wrong with the history or with the list of known regressions."""
    confirmed_by: str = ""
    """The run of the second stage; empty without one."""


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """What a run gave of one cell on one metric."""

    better: Better
    rounds: dict[int, float]
    """By round: the natural logarithm of the boot's value, contaminated ones left out."""
    is_noise_known: bool
    """Whether what disturbed the boots was read; what is not known cannot have been left out."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One run in the index."""

    run: str
    """The name of its directory."""
    stamp: tuple[int, ...]
    """Of the files that this was read from: it holds while they are the same."""
    created: datetime
    topology: str
    status: RunStatus
    facts: dict[str, str]
    """Of the comparability key; empty if the run ended before they were recorded."""
    metrics: dict[str, str]
    profile: str
    design: Design
    levels: dict[str, dict[str, Level]]
    """By cell and metric."""
    night: Night | None = None
    """What it told, if it was the first stage of a night."""

    @property
    def day(self) -> date:
        """The day that it began on, in UTC."""
        return self.created.date()
