"""One run as pytest sees it, and what an exception in a scenario means: one of the outcomes."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from lab import scenario_places
from lab.bench import Bench, NotMeasuredError
from lab.diagnosis import is_of_connectivity
from lab.errors import CommandError, LabError, SandboxError, StoreError, ToolOutputError, told
from lab.looks import Looks
from lab.options import Wishes
from lab.outcome import BY_THE_BENCH, Outcome
from lab.records import BootEvent
from lab.repeats import Repeats, lost
from lab.run import Run
from lab.stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.launch import Decided
    from lab.lease import Lease
    from lab.pause import Pauses
    from lab.plan import Boot, Plan
    from lab.remainder import Remainder
    from lab.screen import Screen
    from lab.store import Store

MEASURES = "measure"
"""The fixture of scenarios that measure: of a boot that was disturbed, these are run again."""
BRINGING_UP = "the bench comes up"
SESSION = pytest.StashKey["Session"]()
SIGHT = pytest.StashKey["Sight"]()
Verdict = tuple[Outcome, str, tuple[str, ...]]
"""An outcome, its reason, and the last lines of a console where they tell why."""


@dataclass(slots=True)
class Session:
    """One run, as pytest's hooks and fixtures see it."""

    decided: Decided
    store: Store
    stopwatch: Stopwatch
    lease: Lease | None = None
    """This machine, for the run alone; None until the first scenario asks for the bench."""
    screen: Screen | None = None
    """None where pytest's own reporter talks to the user."""
    pauses: Pauses | None = None
    """Who is asked before the run goes on after a failure; None if it just goes on."""
    bench: Bench | None = None
    problem: BaseException | None = None
    """The first fault of the bench itself; what depends on it is BLOCKED by it."""
    stack: ExitStack = field(default_factory=ExitStack)
    counts: dict[str, dict[Outcome, int]] = field(default_factory=dict)
    """By boot: how many scenarios had each outcome."""

    spare: dict[str, list[pytest.Item]] = field(default_factory=dict)
    """What measures, for each boot that may have to be made again; by its id."""

    looks: Looks = field(init=False)
    _doing: str = ""
    repeats: Repeats = field(init=False)
    is_lost: bool = False
    """Whether the node no longer answers: nothing can be measured on it any more."""
    remainder: Remainder | None = None
    """What is left of a run that goes on; None of one that begins."""
    boot: str = ""
    """The boot that has begun last."""
    boot_began: float = 0.0
    """When that was, on the clock that never jumps."""
    diagnosed: set[tuple[str, bool]] = field(default_factory=set)
    """The boots of which what can be learnt is kept, and whether packets are."""
    said_aside: set[str] = field(default_factory=set)
    """The boots that were set aside, once one of their scenarios has said so."""
    store_problem: str = ""
    """Why nothing can be kept any more, if nothing can."""
    lost_boot: str = ""
    """The boot whose guest no longer answers: what is left of it need not wait for it again."""

    def __post_init__(self) -> None:
        self.looks = Looks(self.store, self.stopwatch)
        attempts = self.remainder.attempts if self.remainder else Counter[str]()
        self.repeats = Repeats(self.store.header.plan, attempts)

    @property
    def boots(self) -> tuple[Boot, ...]:
        """The boots that are to be made, in order, unless rounds turn out not to be needed."""
        return self.remainder.boots if self.remainder else self.decided.plan.order

    @property
    def set_aside(self) -> Mapping[str, str]:
        """By boot: why it is not to be measured, though its turn has come."""
        return self.remainder.set_aside if self.remainder else {}

    def begin_boot(self, boot: Boot) -> None:
        """Write into the journal that *boot* begins, with its first scenario."""
        if boot.id == self.boot:
            return
        self.boot, self.boot_began = boot.id, time.monotonic()
        instead_of = self.remainder.instead_of.get(boot.id, "") if self.remainder else ""
        self.store.add_boot(boot, BootEvent.BEGUN, instead_of=instead_of)
        if boot.id in self.set_aside:
            self.say(f"{boot.id}: {self.set_aside[boot.id]}")
            self.store.add_boot(boot, BootEvent.SET_ASIDE)

    def diagnose(self, boot: Boot, scenario: str, verdict: Verdict) -> None:
        """
        Keep what can be learnt of a boot of which *verdict* is the first that is bad.

        What the bench did to it says nothing of it; where nothing can be kept, that is said.
        """
        outcome, reason, _ = verdict
        is_of_bench = outcome is Outcome.BLOCKED and reason.startswith(BY_THE_BENCH)
        if not outcome.is_bad or is_of_bench or self.bench is None:
            return
        what = (boot.id, is_of_connectivity(scenario))
        if what in self.diagnosed:
            return
        self.diagnosed.add(what)
        try:
            folder = self.bench.diagnose(
                boot, scenario=scenario, since_s=time.monotonic() - self.boot_began
            )
        except LabError as error:
            self.say(f"nothing was kept of {boot.id}: {error.problem}")
            return
        nodes = dict.fromkeys(node.name for node in self.bench.setting.nodes)
        shells = ", ".join(f"`lab shell {name}`" for name in nodes)
        self.say(f"{boot.id} is diagnosed in {folder}; look further: {shells} with --keep failed")

    def end_boot(self, boot: Boot) -> None:
        """Write into the journal that each scenario of *boot* has its outcome."""
        if not self.store_problem:
            self.store.add_boot(boot, BootEvent.ENDED)
            self.store.set_timeline(self.stopwatch.timeline)

    def cannot_keep(self, error: StoreError, item: pytest.Item) -> None:
        """Nothing can be kept any more: say so, and end in order."""
        if not self.store_problem:
            self.say(told(error))
        self.store_problem = self.store_problem or error.problem
        item.session.shouldstop = self.store_problem

    def again(self, number: int) -> list[pytest.Item]:
        """What is to be run again before round *number* is over, since it was disturbed."""
        if self.is_lost or self.bench is None or not self.spare:
            return []
        run = Run.load(self.store.path)
        gone = {(boot.cell, boot.round) for boot in lost(run.header.plan, run.outcomes)}
        due = self.repeats.due(run.valid_samples, run.outcomes, rounds=number)
        whole = [boot for boot in due if (boot.cell, boot.round) in gone]
        part = [boot for boot in due if boot not in whole]
        if whole:
            self.say(f"lost by the bench, and made again: {', '.join(each.id for each in whole)}")
        if part:
            self.say(f"disturbed, and measured again: {', '.join(each.id for each in part)}")
        return [
            item
            for boot in due
            for item in self.spare.get(boot.id, ())
            if boot in whole or MEASURES in getattr(item, "fixturenames", ())
        ]

    def ends_with(self, number: int) -> bool:
        """Whether the run is to end with round *number*, which is over: looked at, and kept."""
        if self.is_lost:
            return False
        look = self.looks.after(number)
        if look is None or look.stop is None:
            return False
        self.say(f"no more rounds after {number}: {look.stop}")
        return True

    def leaves(self, error: LabError) -> None:
        """Say and keep that the bench could not be taken down whole, which fails the run."""
        self.say(told(error))
        if not self.store_problem:
            self.store.add_leak(error.problem)

    def judge(self, error: BaseException) -> Verdict:
        """What *error* means; a fault of the bench is said once, then it blocks the rest."""
        outcome, reason, tail = judge(error)
        may_be_the_node = isinstance(error, LabError) or outcome is Outcome.BLOCKED
        if not self.is_lost and may_be_the_node and self._has_lost_its_node():
            return self._of_lost_node(error, reason, tail)
        if isinstance(error, SandboxError) and (lost := self._lost_guest()):
            return Outcome.INFRA, f"{lost} ({reason})", tail
        if outcome is not Outcome.INFRA:
            return outcome, reason, tail
        if error is self.problem:
            return Outcome.BLOCKED, f"{BY_THE_BENCH}: {reason}", ()
        if self.problem is None:
            self.problem = error
            self.say(f"the bench failed: {reason}")
        return outcome, reason, tail

    def judge_again(self, error: BaseException, verdict: Verdict) -> Verdict:
        """
        What *error* means once it is diagnosed.

        A node that hangs does so bit by bit: it may still have answered when its guest did not.
        """
        outcome, reason, tail = verdict
        may_be_the_node = outcome is Outcome.FAIL and isinstance(error, SandboxError)
        if may_be_the_node and not self.is_lost and self._has_lost_its_node():
            return self._of_lost_node(error, reason, tail)
        return verdict

    def _of_lost_node(self, error: BaseException, reason: str, tail: tuple[str, ...]) -> Verdict:
        self.is_lost = True
        self.problem = self.problem or error
        self.say("the node no longer answers: what is left of the run cannot be measured")
        return Outcome.INFRA, f"the node no longer answers ({reason})", tail

    def is_beyond_asking(self, error: BaseException) -> bool:
        """
        Whether *error* means that nothing more can be learnt from the open sandbox.

        Its guest is gone, or waits for its root file system, which nobody serves any more: then
        each further question would wait for its own deadline.
        """
        if isinstance(error, CommandError) and self.bench is not None and not self.is_lost:
            return self.bench.has_lost_its_share()
        return isinstance(error, SandboxError)

    def stand_still(self, boot: Boot, scenario: str, verdict: Verdict) -> float:
        """Let somebody look at what failed, if that is wished; the seconds that it took."""
        outcome, reason, _ = verdict
        if self.pauses is None or self.screen is None or self.bench is None or self.is_lost:
            return 0.0
        if not outcome.is_bad or not self.pauses.is_due(boot, reason):
            return 0.0
        nodes = [node.name for node in self.bench.setting.nodes]
        began = time.monotonic()
        with self.stopwatch.left_out(), self.screen.aside(), self.bench.lent():
            self._tell(f"standing still after {boot.id}, for somebody to look")
            self.pauses.stand_still(boot, scenario, outcome, reason, nodes=nodes)
            self._tell(f"measuring into {self.store.path.absolute()}")
        stood_s = time.monotonic() - began
        self.looks.leave_out(stood_s)
        return stood_s

    def _tell(self, doing: str) -> None:
        if self.lease is not None:
            self.lease.tell(doing)

    def close_boot(self) -> None:
        """End the sandbox of the boot that is over, if there is one."""
        if self.bench is not None and not self.is_lost:
            self.bench.close(is_lost=bool(self.lost_boot))
        self.lost_boot = ""

    def _has_lost_its_node(self) -> bool:
        if self.bench is None or self.bench.is_alive():
            return False
        self.bench.abandon()
        return True

    def _lost_guest(self) -> str:
        """A guest that the emulator lost is that boot's misfortune: the bench goes on."""
        return "" if self.bench is None else self.bench.lost_guest()

    def begin(self, scenario: str) -> None:
        """Show what is at its turn; as long as the bench is not up, it waits for that."""
        self._doing = scenario
        if self.screen is not None:
            self.screen.phase(BRINGING_UP if self.bench is None else scenario)

    def came_up(self, bench: Bench) -> Bench:
        """Measure on *bench*, which is up."""
        self.bench = bench
        if self.screen is not None:
            self.screen.is_up(self._doing)
        return bench

    def say(self, text: str) -> None:
        """Tell the user, if it is for us to do."""
        if self.screen is not None:
            self.screen.say(text)


def session_of(config: pytest.Config) -> Session:
    """The session: handed over by ``lab matrix``, or made now from pytest's own options."""
    if SESSION in config.stash:
        return config.stash[SESSION]
    from lab import launch  # noqa: PLC0415 - unit tests must not need libvirt

    stopwatch = Stopwatch()
    try:
        wishes = Wishes.read(config.getoption)
        decided = launch.decide(wishes, say=_print_nothing, stopwatch=stopwatch)
    except LabError as error:
        raise pytest.Collector.CollectError(str(error)) from error
    session = Session(decided=decided, store=launch.open_store(decided), stopwatch=stopwatch)
    config.stash[SESSION] = session
    return session


@dataclass(frozen=True, slots=True)
class Sight:
    """What pytest must know of a run to collect its scenarios."""

    plan: Plan
    boots: tuple[Boot, ...]
    """Those that are to be made, in order."""
    is_cluster: bool


def sight_of(config: pytest.Config) -> Sight:
    """
    What there is to collect; where pytest only collects, what there would be, as `lab plan` has it.

    Nothing is built or kept then.
    """
    if SESSION in config.stash or not config.option.collectonly:
        session = session_of(config)
        decided = session.decided
        return Sight(decided.plan, session.boots, decided.topology.is_cluster)
    if SIGHT not in config.stash:
        from lab.preview import earlier, look_ahead  # noqa: PLC0415 - of runs, nobody else needs it

        wishes = Wishes.read(config.getoption)
        try:
            known = earlier(wishes.output, say=_print_nothing)
            ahead = look_ahead(wishes, known, say=_print_nothing)
        except LabError as error:
            raise pytest.Collector.CollectError(str(error)) from error
        plan = ahead.plan
        config.stash[SIGHT] = Sight(plan, plan.order, ahead.topology.is_cluster)
    return config.stash[SIGHT]


def scenario_of(item: pytest.Item) -> str:
    """The node id without its parameter, from the scenarios' folder on, on any machine."""
    where = item.nodeid.partition("[")[0]
    own = scenario_places.name_of(item.path, where.partition("::")[2])
    return own or where.removeprefix("scenarios/")


def judge(error: BaseException) -> Verdict:
    """The outcome that an exception in a scenario means, its reason, and the console's end."""
    match error:
        case NotMeasuredError():
            return error.outcome, error.reason, error.console_tail
        case pytest.skip.Exception():
            return Outcome.NOT_RUN, str(error), ()
        case AssertionError() | pytest.fail.Exception() | CommandError() | SandboxError():
            return Outcome.FAIL, _first_lines(error), ()
        case ToolOutputError():
            return Outcome.INVALID, error.problem, ()
        case LabError():
            return Outcome.INFRA, told(error), ()
        case _:
            return Outcome.INFRA, f"{type(error).__name__}: {error}", ()


def _first_lines(error: BaseException) -> str:
    text = str(error.problem) if isinstance(error, LabError) else str(error)
    notes = "\n".join(getattr(error, "__notes__", ()))
    return "\n".join(part for part in (text, notes) if part)


def _print_nothing(_text: str) -> None:
    """pytest collects in silence."""
