"""`lab conformance`: upstream's own tests of the CRI against containerd's handlers on a node."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from lab import expectations, launch
from lab.cluster import critest, critest_report
from lab.cluster.containerd import DEFAULT_RUNTIME
from lab.cluster.critest import Target
from lab.controls import Controls
from lab.errors import ArtefactError, CommandError, ToolOutputError, UsageError
from lab.expectations import Expect
from lab.matrix import CONTROL_CELLS, KATA, Runtime, default_cells_of
from lab.plan import make
from lab.run import BENCH_FAILED
from lab.screen import plain
from lab.stopwatch import Activity, Stopwatch
from lab.storage.backend import Snapshotter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from lab.cluster.critest_report import Summary
    from lab.cluster.kit import Kit
    from lab.launch import Decided
    from lab.matrix import Cell
    from lab.node import Node
    from lab.options import Wishes
    from lab.store import Store

EVERY = "*+*+*"
CONTROL = CONTROL_CELLS[0]
SETUP_TIMEOUT_S = 900.0
GRACE_S = 600.0
"""What critest may take beyond the deadline that it keeps itself."""
REPORT_TIMEOUT_S = 120.0
CLEAN_UP_TIMEOUT_S = 660.0
NEEDS = "conformance needs a release of Kata and critest among the artefacts"


def run_conformance(wishes: Wishes, console: Console, *, focus: str | None = None) -> int:
    """
    Bring a node up, run critest against each handler, file its reports; return the exit status.

    Without ``--cells``: runc, and each cell of the default matrix that is known to work.

    Args:
        focus: A regular expression: only tests whose name has a match are run.

    Raises:
        UsageError: if the wishes name nothing that has a handler, or a bench with Kubernetes.
        ArtefactError: if the artefacts are not here.
    """
    stopwatch = Stopwatch()
    with plain(console, total=0) as screen, ExitStack() as holding:
        everything = replace(wishes, cells=wishes.cells or EVERY, controls=Controls.NONE)
        decided, kit = _decided(
            launch.decide(everything, say=screen.say, stopwatch=stopwatch),
            is_chosen=wishes.cells is not None,
        )
        program = kit.artefacts.path(critest.CRITEST).read_bytes()
        targets = tuple(_targets(decided.plan.cells, kit))
        shared = launch.leased(
            decided, "running critest", is_alone=False, say=screen.say, stopwatch=stopwatch
        )
        lease = holding.enter_context(shared)
        store = launch.open_store(decided)
        lease.tell(f"running critest into {store.path.absolute()}")
        summaries: list[Summary] = []
        try:
            with launch.running(decided, store, say=screen.say, stopwatch=stopwatch) as bench:
                node = bench.setting.node
                _set_up(node, program, targets)
                for target in targets:
                    screen.say(f"critest against {target.handler}")
                    with stopwatch.spending(Activity.MEASURING):
                        found = _test(node, target, store, seed=decided.plan.seed, focus=focus)
                    summaries.append(found)
                    screen.say(_told(found))
        finally:
            is_complete = len(summaries) == len(targets)
            run = launch.finish(store, stopwatch, is_complete=is_complete)
            screen.say(f"reports: {store.path / 'conformance'}")
    if run.has_leaks:
        return BENCH_FAILED
    return 0 if all(summary.is_good for summary in summaries) else 1


def _decided(decided: Decided, *, is_chosen: bool) -> tuple[Decided, Kit]:
    """What is decided, with a plan of what has a handler alone; and the kit that it is from."""
    if decided.topology.is_cluster:
        raise UsageError(
            f"--topology: critest is for a node without Kubernetes; {decided.topology.name} has it",
            remedy="use --topology embedded",
        )
    if decided.kit is None:
        raise ArtefactError(NEEDS, remedy="run `lab artefacts fetch`, or name them by --artefacts")
    cells = decided.plan.cells if is_chosen else _default_cells(decided.kit)
    testable = [cell for cell in cells if cell == CONTROL or cell.runtime in KATA]
    if not testable:
        raise UsageError(
            "--cells: none of them has a handler of containerd's",
            remedy=f"name cells of Kata's, or {CONTROL}",
        )
    plan = make(testable, profile=decided.plan.profile, rounds=1, seed=decided.plan.seed)
    return replace(decided, plan=plan), decided.kit


def _default_cells(kit: Kit) -> tuple[Cell, ...]:
    known = expectations.load()
    return (
        CONTROL,
        *(
            cell
            for cell in default_cells_of(kit.releases)
            if known.of(cell, version=kit.releases[cell.runtime].version).expect is Expect.WORKS
        ),
    )


def _targets(cells: Iterable[Cell], kit: Kit) -> Iterable[Target]:
    handlers = {handler.cell: handler for handler in kit.handlers}
    for cell in cells:
        if cell == CONTROL:
            yield Target(DEFAULT_RUNTIME, Runtime.RUNC, Snapshotter.OVERLAYFS)
        else:
            yield Target(handlers[cell].name, cell.runtime, handlers[cell].snapshotter)


def _set_up(node: Node, program: bytes, targets: Iterable[Target]) -> None:
    text = critest.program_text(program)
    node.run(["sh", "-c", critest.PUT], timeout_s=SETUP_TIMEOUT_S, stdin=text)
    snapshotters = {target.snapshotter for target in targets}
    node.script(critest.setup_script(snapshotters), timeout_s=SETUP_TIMEOUT_S)


def _test(node: Node, target: Target, store: Store, *, seed: int, focus: str | None) -> Summary:
    """Run critest against one handler, and file what it says and what that comes to."""
    handler = target.handler
    argv = critest.arguments(handler, seed=seed, focus=focus)
    said = report = ""
    try:
        done = node.run(argv, timeout_s=critest.SUITE_TIMEOUT_S + GRACE_S, check=False)
        said = done.stdout + done.stderr
        report = node.run(
            ["cat", critest.report_path(handler)], timeout_s=REPORT_TIMEOUT_S, check=False
        ).stdout
        summary = critest_report.summarise(report, handler=handler, runtime=target.runtime)
    except (CommandError, ToolOutputError) as error:
        if isinstance(error, CommandError):
            said += error.completed.stdout
        said = "\n".join((said, error.problem, *getattr(error, "__notes__", ())))
        summary = critest_report.broken(handler, error.problem)
    store.add_conformance(handler, "critest.log", said)
    if report:
        store.add_conformance(handler, "junit.xml", report)
    store.add_conformance(handler, "summary.json", critest_report.render(summary))
    node.script(critest.CLEAN_UP, timeout_s=CLEAN_UP_TIMEOUT_S)
    return summary


def _told(summary: Summary) -> str:
    lines = [str(summary)]
    lines += [f"  FAIL {name}: {said}" for name, said in summary.failed.items()]
    lines += [f"  works now: {name} (known: {why})" for name, why in summary.works_now.items()]
    return "\n".join(lines)
