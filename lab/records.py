"""What a run leaves in its directory: one type a file. Samples and evidence have their own."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations
from enum import StrEnum

import msgspec

from lab import __version__
from lab.outcome import Outcome  # noqa: TC001 - msgspec reads the annotations
from lab.plan import Plan  # noqa: TC001 - msgspec reads the annotations
from lab.stats.precision import Stop  # noqa: TC001 - msgspec reads the annotations

SCHEMA_VERSION = 2
"""
Of everything in a run's directory; ``run.json`` carries it.

History: 1 is the first; 2 has the variants of cells, and the design in the plan.
"""


class RunStatus(StrEnum):
    """How far a run has come. One that stays RUNNING has crashed."""

    RUNNING = "running"
    """It is being measured, or has crashed."""
    COMPLETE = "complete"
    """Every boot that it needed has had its turn."""
    INTERRUPTED = "interrupted"
    """Somebody or something has ended it before that, in order."""


class Resumption(msgspec.Struct, frozen=True, kw_only=True):
    """That a run went on where it had stopped; once for each time."""

    at: datetime
    """UTC."""
    command_line: tuple[str, ...]
    """By which it went on, word by word."""
    lab_version: str = __version__
    """The version of the lab that went on."""
    code: str
    """Of the lab that went on; see :attr:`RunHeader.code`."""
    found: RunStatus
    """How the run was found. One that was RUNNING had crashed."""
    differences: tuple[str, ...] = ()
    """What was not as it had been, and was forced: its figures are not of one bench."""
    cut: tuple[str, ...] = ()
    """The files whose last line was torn: the record in it is lost."""


class RunHeader(msgspec.Struct, frozen=True, kw_only=True):
    """``run.json``: what was asked for, written before the first sample."""

    schema: int = SCHEMA_VERSION
    """The version of everything in the run's directory."""
    id: str = ""
    """The directory's name; the store gives it."""
    created: datetime
    """UTC."""
    command_line: tuple[str, ...]
    """By which the run was begun, word by word."""
    topology: str
    """As one would write it after ``--topology``."""
    plan: Plan
    """Every boot, in order, and what the run declares to compare."""
    status: RunStatus = RunStatus.RUNNING
    """How far the run has come."""
    lab_version: str = __version__
    """The version of the lab that began the run."""
    merged: tuple[str, ...] = ()
    """The runs that this one was joined from, by id; none if it was measured as it is."""
    code: str = ""
    """A digest of the lab's own code and of the scenarios; empty of older runs."""
    owner: str = ""
    """The process that writes it; see :mod:`lab.owner`."""
    resumptions: tuple[Resumption, ...] = ()
    """How often it went on where it had stopped, and under what."""
    options: tuple[str, ...] = ()
    """What else of the command line it takes to run a cell again as it was run here."""


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """``environment.json``: on what the run was measured. Facts by name, as they were read."""

    accelerator: str
    """``kvm`` or ``tcg``."""
    is_emulated: bool
    """Whether the node ran without hardware virtualisation: its numbers are not hardware's."""
    accelerator_reason: str
    """What the probe of the host answered."""
    host: dict[str, str]
    """Processor, memory in MiB, kernel, distribution and settings of this machine."""
    images: dict[str, str]
    """Digest by name."""
    versions: dict[str, str]
    """What each program that measures, or is measured, says that it is; of extensions too."""
    knobs: dict[str, str]
    """What the topology and the lab have set: sizes in MiB and GiB, processors, mitigations."""
    durations: dict[str, str] = {}
    """How long each thing was measured, and on how much: the profile's, as it was then."""
    local_artefacts: str = ""
    """Which artefacts were built locally, instead of upstream's; empty if none were."""


class OutcomeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A line of ``outcomes.jsonl``: what became of one scenario in one boot."""

    boot: str
    """The boot, by id."""
    cell: str
    """The cell that it is a sandbox of."""
    round: int
    """From 1."""
    scenario: str
    """The pytest node id without its parameter."""
    outcome: Outcome
    """What became of the scenario."""
    reason: str = ""
    """Why it is that; empty of a PASS."""
    started: datetime
    """UTC."""
    elapsed_s: float
    """Seconds that the scenario took, with what it waited for."""
    console_tail: tuple[str, ...] = ()
    """The last lines of the console, where they tell why."""
    attempt: int = 1
    """Which boot of its cell in its round: a contaminated one is measured again."""


class BootEvent(StrEnum):
    """What can become of a boot, in this order."""

    BEGUN = "begun"
    """Its first scenario had its turn."""
    OPENED = "opened"
    """Its sandbox is being started: from now on it may take the bench down."""
    ENDED = "ended"
    """Each of its scenarios has an outcome."""
    INTERRUPTED = "interrupted"
    """Somebody has ended the run before: no fault of the boot's. Found by who resumes the run."""
    SET_ASIDE = "set aside"
    """It is not measured again."""


class BootRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A line of ``boots.jsonl``: the run's journal, by which it can go on where it stopped."""

    boot: str
    """The attempt that it is about, by id."""
    event: BootEvent
    """What has become of it."""
    at: datetime
    """UTC."""
    first: str
    """The first attempt, by id."""
    attempt: int = 1
    """Which attempt it is, from 1."""
    instead_of: str = ""
    """The attempt that was cut short, and does not count any more."""


class LookRecord(msgspec.Struct, frozen=True, kw_only=True):
    """
    A line of ``looks.jsonl``: how precise the results were after a round, and what was decided.

    What the results are is not in it, and decides nothing.
    """

    round: int
    """From 1; it was over."""
    widest: str = ""
    """The primary comparison that is known least well: cell, baseline, metric."""
    half_width: float | None = None
    """Of its ratio's interval, relative; None if some comparison has no interval yet."""
    elapsed_s: float
    """Since the first boot began."""
    stop: Stop | None
    """Why no more rounds were run; None if more were."""


class Leaks(msgspec.Struct, frozen=True, kw_only=True):
    """``leaks.json``: whether the run has left this machine as it has found it."""

    leaks: tuple[str, ...] = ()
    """What it should have removed and has not: the run has failed."""
    notes: tuple[str, ...] = ()
    """What else has changed meanwhile, and may be anybody's."""
    elapsed_s: float = 0.0
    """What one look at the machine took."""


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """``timeline.json``: where the wall-clock time of the run went. Phases do not overlap."""

    building_s: float
    """Seconds until images and disks were ready."""
    booting_s: float
    """Seconds in which nodes and sandboxes were started."""
    measuring_s: float
    """Seconds in which scenarios ran."""
    total_s: float
    """Seconds from the first line to the last, with what is in no phase."""
    node_ready_s: float | None = None
    """From power-on of the prepared node until it answered ssh; None if it never did."""

    def __add__(self, later: Timeline) -> Timeline:
        """The time of a run that went on; a node was ready when it last was."""
        return Timeline(
            building_s=self.building_s + later.building_s,
            booting_s=self.booting_s + later.booting_s,
            measuring_s=self.measuring_s + later.measuring_s,
            total_s=self.total_s + later.total_s,
            node_ready_s=later.node_ready_s or self.node_ready_s,
        )

    @property
    def other_s(self) -> float:
        """Seconds that were neither building, booting nor measuring: the bench's own cost."""
        return max(0.0, self.total_s - self.building_s - self.booting_s - self.measuring_s)
