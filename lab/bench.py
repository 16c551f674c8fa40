"""The bench at work: start a sandbox, prove it, let its scenarios measure, record, end it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, TypeVar

from lab import diagnosis, expectations, trial
from lab.contamination import judge, to_be_used
from lab.errors import LabError, told
from lab.expectations import Expect
from lab.handicap import handicap_of
from lab.judgement import Judgement
from lab.matrix import CONTROLS, KATA, Cell, Runtime, Storage, Variant
from lab.outcome import SUPPORTED, Evidence, Outcome, Support
from lab.plan import PEER, PEER_NAME
from lab.records import BootEvent
from lab.run import Run
from lab.runtime import kinds, vmexits
from lab.runtime.reference import ReferenceSandbox
from lab.runtime.setting import QUESTIONS_TIMEOUT_S
from lab.stopwatch import Activity
from lab.storage import BACKENDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lab.expectations import Expected
    from lab.handicap import Handicap
    from lab.outcome import Fact
    from lab.plan import Boot
    from lab.runtime.sandbox import Sandbox
    from lab.runtime.setting import Setting
    from lab.stopwatch import Stopwatch
    from lab.store import Store
    from lab.watch import Readings, Watch

log = logging.getLogger(__name__)

S = TypeVar("S", bound="Sandbox")
Make = Callable[..., "Sandbox"]
"""Makes a sandbox of a cell in a setting: ``make(setting, cell, name=..., number=...)``."""
CONSOLE_TAIL_LINES = 20
DISTURBANCES = "disturbances.txt"
"""Beside the reports of the tools: what disturbed them, in words."""
ALIVE_TIMEOUT_S = 15.0
START_TRIES = 3
"""Of one sandbox, where the emulator below the node loses its guest on the way."""
PEER_NUMBER = 0
"""It has the first address; boots are counted from 1."""


class NotMeasuredError(Exception):
    """A scenario cannot say anything about its cell, for a reason that is an outcome."""

    def __init__(
        self, outcome: Outcome, reason: str, *, console_tail: tuple[str, ...] = ()
    ) -> None:
        super().__init__(f"{outcome}: {reason}")
        self.outcome = outcome
        self.reason = reason
        self.console_tail = console_tail


class GuestLostError(Exception):
    """The emulator below the node lost a guest before it was up, again and again."""


class Bench:
    """The sandboxes of one lab, one boot at a time."""

    def __init__(
        self,
        setting: Setting,
        store: Store,
        stopwatch: Stopwatch,
        watch: Watch,
        *,
        make: Make = kinds.sandbox,
    ) -> None:
        self.setting = setting
        self.store = store
        self.stopwatch = stopwatch
        self.is_ending = False
        """Whether the nodes are about to go, and with them all that is still up on them."""
        self.start_noise: dict[str, float | None] = {}
        """Of the last sandbox that was started: what disturbed its start."""
        self._watch = watch
        self._make = make
        self._peer: Sandbox | None = None
        self._open: tuple[Boot, Sandbox] | None = None
        self._owes_proof = False
        """Whether something may have been measured since the last evidence."""
        self._handicap: Handicap | None = None
        """What holds the open sandbox, if anything does."""
        self._support: dict[Storage, Support] = {}
        self._expectations = expectations.load()
        self._configured: set[Cell] = set()
        """The cells whose configuration the run has kept."""

    def open(self, boot: Boot) -> Sandbox:
        """
        Start and prove the sandbox of *boot*.

        A control is not started where the node cannot run it; one of Kata's, or of an extension's
        runtime, is always, and judged by what is expected of it.

        Raises:
            NotMeasuredError: UNSUPPORTED with what was asked and answered, or with what was
                observed; BLOCKED with the end of the console; INVALID with the fact that
                contradicts the cell; FAIL with what was expected and what happened; INFRA if
                the emulator below the node lost the guest.
        """
        cell = boot.cell.plain
        support = self.support(cell)
        if not support.is_supported:
            raise NotMeasuredError(
                Outcome.UNSUPPORTED,
                f"{support.reason}. Asked: {support.asked}. Answered: {support.answered}",
            )
        self.store.add_boot(boot, BootEvent.OPENED)
        expected = self.expected(cell)
        sandbox = self._start(boot, expected)
        if boot.cell.variant is Variant.HANDICAP:
            self._handicap = self._hold(boot, sandbox)
        try:
            is_connected = expected is not None and trial.connects(sandbox)
            facts, raw = self._proof(sandbox)
        except LabError as error:
            tail = _console_tail(self._keep_console())
            self._blame_emulator(error, tail)
            raise NotMeasuredError(Outcome.BLOCKED, told(error), console_tail=tail) from error
        evidence = self._keep_evidence("before", facts, raw)
        self._keep_configuration(sandbox)
        judgement = (
            trial.of_start(expected, facts, connects=is_connected)
            if expected
            else _of_evidence(evidence)
        )
        if judgement.outcome is not Outcome.PASS:
            raise NotMeasuredError(judgement.outcome, judgement.reason)
        self._owes_proof = True
        return sandbox

    def expected(self, cell: Cell) -> Expected | None:
        """What is expected of a cell; None of a control's, which proves itself."""
        if cell.runtime in CONTROLS:
            return None
        release = self.setting.handlers[cell].release if cell.runtime in KATA else None
        return self._expectations.of(cell, version=release.version if release else None)

    def support(self, cell: Cell) -> Support:
        """Whether this lab can run *cell*: asked once, of the node that would have to."""
        if cell.runtime is not Runtime.REFERENCE:
            return SUPPORTED
        if cell.storage not in self._support:
            backend = BACKENDS[cell.storage]
            questions = backend.requirements(self.setting.topology)
            answers = (
                self.setting.node.gather(questions, timeout_s=QUESTIONS_TIMEOUT_S)
                if questions
                else {}
            )
            self._support[cell.storage] = backend.support(answers)
        return self._support[cell.storage]

    def may_work(self, cell: Cell) -> bool:
        """Whether *cell* is not known to do something else than it is asked for."""
        expected = self.expected(cell)
        return expected is None or expected.expect is Expect.WORKS

    def prove(self, phase: str) -> Evidence:
        """Read what is in effect in the open sandbox, and keep it; *phase* is before or after."""
        _, sandbox = self._current()
        return self._keep_evidence(phase, *self._proof(sandbox))

    def restart(self) -> None:
        """
        End the open sandbox and start another on its root file system.

        The evidence after the measurements is read first: what was measured was measured in
        the sandbox that ends here.
        """
        _, sandbox = self._current()
        self.prove("after")
        self._owes_proof = False
        with self.stopwatch.spending(Activity.BOOTING):
            sandbox.restart()

    def give_up(self) -> Sandbox:
        """
        Hand out the open sandbox to be broken: it has been measured, and is not proven again.

        As before a restart, the evidence after the measurements is read first.
        """
        _, sandbox = self._current()
        if self._owes_proof:
            self.prove("after")
            self._owes_proof = False
        return sandbox

    def close(self, *, is_lost: bool = False) -> None:
        """Prove the open sandbox once more, keep its console, end it."""
        if self._open is None:
            return
        boot, sandbox = self._open
        # Each step is done whatever becomes of the one before: the sandbox ends in any case.
        with ExitStack() as steps:
            steps.callback(self._stop, sandbox)
            if is_lost:
                steps.callback(self._cut_off, sandbox)
            self._keep_the_last(is_lost=is_lost)
        log.info("closed %s", boot.id)

    def _keep_the_last(self, *, is_lost: bool = False) -> None:
        """Prove the open sandbox once more if something was measured; keep its console anyway."""
        with ExitStack() as steps:
            steps.callback(self._keep_console)
            owes_proof, self._owes_proof = self._owes_proof, False
            if owes_proof and not is_lost:
                self.prove("after")

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Let somebody else speak with the open sandbox for the block: some agents hear but one."""
        sandbox = self._open[1] if self._open else None
        with sandbox.lent() if isinstance(sandbox, ReferenceSandbox) else nullcontext():
            yield

    def noise(self) -> Readings:
        """Read what both machines have counted so far of what disturbs a measurement."""
        return self._watch.read()

    def noise_since(self, before: Readings) -> dict[str, float | None]:
        """
        What was counted since *before*; None is what a machine does not tell.

        If it contaminates what was measured meanwhile, it is kept in words, too.
        """
        noise, told = self._watch.since(before)
        contamination = judge(noise)
        if contamination.is_contaminated and self._open is not None:
            boot, _ = self._open
            self.store.add_raw(boot.id, DISTURBANCES, f"{contamination}\n{told}")
        return noise

    @property
    def job_limits_iops(self) -> Mapping[str, int]:
        """What fio must hold its jobs to in the open sandbox, by job; of a handicap only."""
        return self._handicap.jobs_iops if self._handicap else {}

    @property
    def peer(self) -> Sandbox:
        """A second sandbox on the node, without a guest, that lives as long as the bench."""
        if self._peer is None:
            self._peer = self._make(self.setting, PEER, name=PEER_NAME, number=PEER_NUMBER)
            with self.stopwatch.spending(Activity.BOOTING):
                self._peer.start()
        return self._peer

    def diagnose(self, boot: Boot, *, scenario: str, since_s: float) -> Path:
        """Keep what can be learnt of *boot*, in which *scenario* has failed; return the folder."""
        return diagnosis.take(self.setting, self.store, boot, scenario=scenario, since_s=since_s)

    def is_alive(self) -> bool:
        """Whether the nodes still answer; one that hangs takes every sandbox with it."""
        try:
            for node in self.setting.nodes:
                node.run(["true"], timeout_s=ALIVE_TIMEOUT_S)
        except LabError:
            return False
        return True

    def lost_guest(self) -> str:
        """Why a guest that no longer answers is the emulator's fault; empty if it is not."""
        try:
            said = self.setting.node.script(vmexits.SCRIPT, timeout_s=ALIVE_TIMEOUT_S)
        except LabError:
            return ""
        found = vmexits.parse(said)
        return f"the emulator lost the guest: {found}" if found and found.blame_emulator else ""

    def has_lost_its_share(self) -> bool:
        """Whether the daemon that serves the open sandbox's root file system has ended."""
        if self._open is None:
            return False
        try:
            share = self._open[1].share()
            if share is None:
                return False
            any_of_it = f"for pid in {share.daemon}; do kill -0 $pid && exit; done 2>/dev/null"
            said = self.setting.node.script(f"{any_of_it}\necho gone\n", timeout_s=ALIVE_TIMEOUT_S)
        except LabError:  # then it is the node that is gone, or the sandbox never came up
            return False
        return said.strip() == "gone"

    def _blame_emulator(self, error: LabError, tail: tuple[str, ...]) -> None:
        """Say so if *error* is no more than that the emulator lost the guest."""
        if lost := self.lost_guest():
            raise NotMeasuredError(Outcome.INFRA, lost, console_tail=tail) from error

    def abandon(self) -> None:
        """Forget the sandboxes of a node that is gone: they end with it."""
        self._open = self._peer = self._handicap = None
        self._owes_proof = False

    def end(self) -> None:
        """
        Keep what an open sandbox has still to tell; it ends with its nodes, which go next.

        Only a run that was cut short has one open, and whoever did that does not want to wait.
        """
        try:
            if self._open is not None:
                self._keep_the_last()
        finally:
            self.abandon()

    def _start(self, boot: Boot, expected: Expected | None) -> Sandbox:
        before: list[Readings] = []

        def make() -> Sandbox:
            before.append(self.noise())
            sandbox = self._make(
                self.setting, boot.cell.plain, name=boot.sandbox, number=boot.position
            )
            self._open = (boot, sandbox)
            return sandbox

        try:
            with self.stopwatch.spending(Activity.BOOTING):
                sandbox = self.started(make)
        except GuestLostError as error:
            tail = _console_tail(self._keep_console())
            raise NotMeasuredError(Outcome.INFRA, str(error), console_tail=tail) from error
        except LabError as error:
            console = self._keep_console()
            self._keep_configuration(self._current()[1])
            judgement = (
                trial.of_failure(expected, error, log=console)
                if expected
                else Judgement(Outcome.BLOCKED, told(error))
            )
            raise NotMeasuredError(
                judgement.outcome, judgement.reason, console_tail=_console_tail(console)
            ) from error
        self.start_noise = self.noise_since(before[-1])
        return sandbox

    def started(self, make: Callable[[], S]) -> S:
        """
        A sandbox that has started; if the emulator lost its guest on the way, another one.

        Nothing was measured in what was lost so. What it said is kept with the boot.

        Raises:
            GuestLostError: if that happened each time.
            LabError: if it does not start for another reason.
        """
        for attempt in range(1, START_TRIES + 1):
            with suppress(LabError):  # a node that cannot forget will not start it either
                self.setting.node.script(vmexits.FORGET, timeout_s=ALIVE_TIMEOUT_S)
            sandbox = make()
            try:
                sandbox.start()
            except LabError as error:
                lost = self.lost_guest()
                if not lost:
                    raise
                if attempt == START_TRIES:
                    raise GuestLostError(lost) from error
                self._keep_lost(sandbox, attempt, f"{lost}\n{told(error)}\n")
            else:
                return sandbox
        raise AssertionError("unreachable: the last attempt raises")

    def _keep_lost(self, sandbox: Sandbox, attempt: int, told: str) -> None:
        boot, _ = self._current()
        log.warning("%s is started again: %s", sandbox.id, told.partition("\n")[0])
        name = f"lost-{sandbox.id}-{attempt}.txt"
        with suppress(LabError):  # it may be in the way of the next one, which would say so
            self.store.add_raw(boot.id, name, told + sandbox.console())
            sandbox.stop()

    def _hold(self, boot: Boot, sandbox: Sandbox) -> Handicap:
        """Hold a handicap to its share of what its plain cell has shown in the same round."""
        plain = str(boot.cell.plain)
        samples = Run.load(self.store.path).samples
        shown = [each for each in samples if (each.cell, each.round) == (plain, boot.round)]
        handicap = handicap_of(boot.cell, to_be_used(shown), pod=sandbox.pod)
        if not handicap.is_any:
            reason = f"{plain} has shown nothing in round {boot.round} that it could be held to"
            raise NotMeasuredError(Outcome.NOT_RUN, reason)
        try:
            sandbox.node.script(handicap.script, timeout_s=QUESTIONS_TIMEOUT_S)
        except LabError as error:
            raise NotMeasuredError(Outcome.INFRA, told(error)) from error
        return handicap

    def _proof(self, sandbox: Sandbox) -> tuple[tuple[Fact, ...], dict[str, str]]:
        """What is in effect in a sandbox and, where it is held, by what."""
        facts, raw = sandbox.prove()
        if self._handicap is None:
            return facts, raw
        answers = sandbox.node.gather(self._handicap.questions, timeout_s=QUESTIONS_TIMEOUT_S)
        return (*facts, *self._handicap.facts(answers)), {**raw, **answers}

    def _current(self) -> tuple[Boot, Sandbox]:
        if self._open is None:
            raise RuntimeError("no sandbox is open")
        return self._open

    def _stop(self, sandbox: Sandbox) -> None:
        self._open = self._handicap = None
        with self.stopwatch.spending(Activity.BOOTING):
            sandbox.stop()

    def _cut_off(self, sandbox: Sandbox) -> None:
        """
        End the node's connections to a guest that is gone without a word.

        The kernel would hold them for minutes, waiting for the guest, and with them the ports:
        sockperf's server could not bind its own beside the next boot (tcp(7), tcp_orphan_retries).
        """
        with suppress(LabError):  # not worth another failure
            line = f"ss -HK dst {sandbox.address}"
            self.setting.node.run(["sh", "-c", line], timeout_s=ALIVE_TIMEOUT_S)

    def _keep_evidence(self, phase: str, facts: tuple[Fact, ...], raw: dict[str, str]) -> Evidence:
        boot, _ = self._current()
        evidence = Evidence(phase=phase, facts=facts, raw=raw)
        self.store.add_evidence(boot.id, evidence)
        return evidence

    def _keep_configuration(self, sandbox: Sandbox) -> None:
        """Keep what a cell was configured with, once a run."""
        boot, _ = self._current()
        if boot.cell.plain not in self._configured:
            self._configured.add(boot.cell.plain)
            for name, text in sandbox.configuration().items():
                self.store.add_raw(boot.id, name, text)

    def _keep_console(self) -> str:
        boot, sandbox = self._current()
        console = sandbox.console()
        if console:
            self.store.add_console(boot.id, console)
        return console


def _of_evidence(evidence: Evidence) -> Judgement:
    for fact in evidence.contradictions:
        return Judgement(Outcome.INVALID, str(fact))
    return Judgement(Outcome.PASS)


def _console_tail(console: str) -> tuple[str, ...]:
    return tuple(console.splitlines()[-CONSOLE_TAIL_LINES:])
