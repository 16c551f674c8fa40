"""`lab matrix` from the first line on the screen to the exit status."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest

from lab import labs, launch, prepare, report, resume, scenario_places
from lab.comparability import differences, differences_before, key, told
from lab.environment import known_before
from lab.errors import LabError, UsageError
from lab.forecast.cost import boot_seconds
from lab.interrupt import held_off
from lab.pause import Pauses, require_terminal
from lab.places import ROOT, SCENARIOS
from lab.provision import bring_up
from lab.pytest_plugin import COMPLETE, Handover
from lab.records import RunStatus
from lab.remainder import remainder
from lab.report.onward import onward
from lab.run import Run, exit_status, find_run
from lab.screen import live, plain
from lab.session import Session
from lab.stopwatch import Stopwatch
from lab.takedown import taken_down_on_failure
from lab.this_machine import THIS_MACHINE
from lab.units import count, format_duration

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.console import Console

    from lab.labs import LabRecord
    from lab.launch import Decided
    from lab.lease import Lease
    from lab.options import Wishes
    from lab.plan import Boot, Plan
    from lab.provider import Provider
    from lab.remainder import Remainder
    from lab.screen import Screen
    from lab.store import Store

MOST_BENCHES = 3
"""Of one run: a third that is lost is no accident."""


def run_matrix(
    wishes: Wishes,
    console: Console,
    *,
    pauses: bool = False,
    provider: Provider = THIS_MACHINE,
) -> int:
    """
    Decide, run the scenarios of every boot, write the report; return the exit status.

    With *pauses* the run stands still where something failed, until somebody lets it go on.
    """
    if pauses:
        require_terminal(is_terminal=console.is_terminal)
    _, status = measure(wishes, console, pauses=pauses, provider=provider)
    return status


def reproduce(run: Run, wishes: Wishes, console: Console, *, is_forced: bool) -> int:
    """
    Measure what *run* has measured, if all that must be equal can be; return the exit status.

    What only a running node tells is compared at the end, when all is known.

    Raises:
        UsageError: before anything starts, with the first differences by name.
    """

    def check(decided: Decided) -> None:
        found = differences_before(run, known_before(decided), decided.plan)
        if found and not is_forced:
            raise UsageError(
                f"{run.header.id} cannot be reproduced here: {told(found)}",
                remedy="make them equal (the lab's own version has its lock), or add --force",
            )
        for difference in found:
            console.print(f"not as in {run.header.id}: {difference}", soft_wrap=True)

    made, status = measure(wishes, console, check=check)
    if made.environment is not None:
        found = differences(key(run), key(made))
        lines = [f"not as in {run.header.id}: {each}" for each in found]
        for line in lines or [f"under the same conditions as {run.header.id}"]:
            console.print(line, soft_wrap=True)
        console.print(f"to compare: lab compare {run.path.name} {made.path.name}", soft_wrap=True)
    return status


def resume_matrix(
    wishes: Wishes,
    console: Console,
    name: str,
    *,
    is_forced: bool,
    provider: Provider = THIS_MACHINE,
) -> int:
    """
    Go on with the run that a user calls *name*; return the exit status.

    Raises:
        UsageError: if it cannot go on, or must not unless *is_forced*.
    """
    stopwatch = Stopwatch()
    run = resume.read(find_run(wishes.output, name))
    if not remainder(run).boots:
        console.print(f"nothing of {run.header.id} is left to measure")
        return exit_status(_concluded(run, console))
    with ExitStack() as holding:
        with plain(console, total=0) as beginning:
            say = beginning.say
            resumed = resume.decide(
                wishes, run, is_forced=is_forced, say=say, stopwatch=stopwatch, provider=provider
            )
            alone = launch.leased(
                resumed.decided, "about to go on", is_alone=True, say=say, stopwatch=stopwatch
            )
            lease = holding.enter_context(alone)
        store, left = resume.reopen(resumed)
        stopwatch.go_on_from(run.timeline)
        console.print(f"{len(left.boots)} boots are left, into {store.path}")
        _, status = _measured(resumed.decided, store, lease, stopwatch, console, left=left)
        return status


def _concluded(run: Run, console: Console) -> Run:
    """Conclude a run of which nothing but that was missing."""
    if run.header.status is not RunStatus.COMPLETE:
        store = resume.opened(run)
        store.finish(RunStatus.COMPLETE)
        run = Run.load(run.path)
    report.write(run.path)
    _conclude(run, console)
    return run


def measure(
    wishes: Wishes,
    console: Console,
    *,
    pauses: bool = False,
    check: Callable[[Decided], None] | None = None,
    provider: Provider = THIS_MACHINE,
) -> tuple[Run, int]:
    """
    As :func:`run_matrix`; return the run as well, whatever its status.

    Before anything starts, *check* may refuse what was decided.
    """
    stopwatch = Stopwatch()
    with ExitStack() as holding:
        with plain(console, total=0) as beginning:
            say = beginning.say
            decided = launch.decide(wishes, say=say, stopwatch=stopwatch, provider=provider)
            if check is not None:
                check(decided)
            alone = launch.leased(
                decided, "about to measure", is_alone=True, say=say, stopwatch=stopwatch
            )
            lease = holding.enter_context(alone)
        plan = decided.plan
        store = launch.open_store(decided)
        most = "at most " if plan.design.min_rounds < plan.rounds else ""
        console.print(f"{most}{len(plan.order)} boots, seed {plan.seed}, into {store.path}")
        return _measured(decided, store, lease, stopwatch, console, pauses=pauses)


def _measured(
    decided: Decided,
    store: Store,
    lease: Lease,
    stopwatch: Stopwatch,
    console: Console,
    *,
    pauses: bool = False,
    left: Remainder | None = None,
) -> tuple[Run, int]:
    """
    Run what is *decided*, or what is *left* of it, on a machine that is ours.

    Where the bench is lost in its midst (an emulator loses a node now and then), the run goes on
    with another, as it would after ``--resume``; unless somebody wants to look at what was lost.
    """
    spare = MOST_BENCHES - 1 if decided.wishes.keep == "never" and not pauses else 0
    on_one = partial(_on_one_bench, decided, lease, stopwatch, console, pauses=pauses)
    run, status, is_lost = on_one(store, left=left)
    while is_lost and spare and (left := remainder(run)).boots:
        spare -= 1
        boots = count(len(left.boots), "boot")
        console.print(f"the bench was lost: going on with another, {boots} left")
        run, status, is_lost = on_one(resume.opened(run), left=left)
    if run.header.status is RunStatus.COMPLETE:  # else it was said when that ended
        _conclude(run, console)
    return run, status


def _on_one_bench(
    decided: Decided,
    lease: Lease,
    stopwatch: Stopwatch,
    console: Console,
    store: Store,
    *,
    pauses: bool,
    left: Remainder | None,
) -> tuple[Run, int, bool]:
    """Run it until all is done or the bench is lost; return the run, its status, and which."""
    lease.tell(f"measuring into {store.path.absolute()}")
    expected_s = _expected_s(decided.wishes, decided.plan)
    status: int = pytest.ExitCode.INTERRUPTED
    try:
        with ExitStack() as stack:
            boots = left.boots if left else decided.plan.order
            screen = stack.enter_context(_screen(console, boots, expected_s))
            session = Session(
                decided=decided,
                store=store,
                stopwatch=stopwatch,
                screen=screen,
                lease=lease,
                remainder=left,
            )
            session.pauses = Pauses(partial(console.print, soft_wrap=True)) if pauses else None
            stack.enter_context(session.stack)
            status = pytest.main(_arguments(), plugins=[Handover(session)])
    finally:
        # Whatever ended it: what was measured is kept, and can be looked at.
        is_complete = status in COMPLETE
        with held_off("writing the report"):
            run = launch.finish(store, stopwatch, is_complete=is_complete)
            report.write(store.path)
            if not is_complete:
                _conclude(run, console)
    if status == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    if not is_complete:
        return run, int(status), False
    return run, exit_status(run), session.is_lost


def bring_up_alone(wishes: Wishes, *, say: Callable[[str], None]) -> LabRecord:
    """Bring the topology up, ready for sandboxes, and leave it up."""
    stopwatch = Stopwatch()
    decided = launch.decide(wishes, say=say, stopwatch=stopwatch)
    shared = launch.leased(
        decided, "bringing a lab up", is_alone=False, say=say, stopwatch=stopwatch
    )
    with shared:
        return _bring_up_alone(decided, say=say)


def _bring_up_alone(decided: Decided, *, say: Callable[[str], None]) -> LabRecord:
    # Several may be brought up at once: none writes into another's consoles.
    consoles = (
        decided.wishes.output / "consoles" / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}-{os.getpid()}"
    )

    def console(name: str) -> Path:
        return consoles / f"{name}.log"

    disks = launch.prepared_disks(decided, console=console, say=say)
    lab = bring_up(launch.start_of(decided, disks, console=console))
    with taken_down_on_failure(lab.folder):
        prepare.activate(lab, decided.topology, decided.kit)
        return labs.keep(lab.record)


def _arguments() -> list[str]:
    return [
        str(SCENARIOS),
        *map(str, scenario_places.of_extensions().values()),
        f"--rootdir={ROOT}",
        f"--config-file={ROOT / 'pyproject.toml'}",
        *("-p", "no:cacheprovider"),
        # The screen is ours: pytest would keep what is shown on it for itself.
        "--capture=no",
        # Ctrl-C may catch a program that is just being started; that is no failure to report.
        *("-p", "no:unraisableexception"),
        # The lab is at work already, and with it what pytest would like to rewrite on import.
        *("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"),
    ]


def _screen(
    console: Console, boots: tuple[Boot, ...], expected_s: dict[str, float]
) -> AbstractContextManager[Screen]:
    if console.is_terminal:
        return live(console, boots, expected_s)
    return plain(console, total=len(boots))


def _expected_s(wishes: Wishes, plan: Plan) -> dict[str, float]:
    """How long a boot of each cell took in the run before, with all its scenarios."""
    try:
        last = Run.load(find_run(wishes.output, "last"))
    except LabError:
        return {}
    known = boot_seconds([last])
    plain = {str(cell): known.get(str(cell.plain)) for cell in plan.cells}
    return {name: seconds for name, seconds in {**plain, **known}.items() if seconds is not None}


def _conclude(run: Run, console: Console) -> None:
    """Say where the time went, and where the report is."""
    if run.timeline is not None:
        line = run.timeline
        share = line.other_s / line.total_s
        console.print(
            f"{format_duration(line.total_s)}: building {format_duration(line.building_s)},"
            f" booting {format_duration(line.booting_s)},"
            f" measuring {format_duration(line.measuring_s)},"
            f" the rest {format_duration(line.other_s)} ({share:.0%})"
        )
    for text in onward(run):
        console.print(text, soft_wrap=True)
    console.print(f"report: {run.path / 'report.html'}", soft_wrap=True)
