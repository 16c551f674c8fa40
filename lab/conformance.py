"""
`lab conformance`: upstream's own tests against containerd's handlers.

On a node without Kubernetes those of the CRI (critest), on a cluster Kubernetes' own of its network
(e2e.test).
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from lab import command, expectations, launch
from lab.cluster import critest, e2e, suite_report
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
    from pathlib import Path

    from rich.console import Console

    from lab.cluster.api import Api
    from lab.cluster.artefacts.artefact import Artefact
    from lab.cluster.kit import Kit
    from lab.cluster.suite_report import Summary
    from lab.command import Completed
    from lab.launch import Decided
    from lab.matrix import Cell
    from lab.options import Wishes
    from lab.runtime.setting import Setting
    from lab.store import Store

EVERY = "*+*+*"
CONTROL = CONTROL_CELLS[0]
SETUP_TIMEOUT_S = 900.0
GRACE_S = 600.0
"""What critest may take beyond the deadline that it keeps itself."""
REPORT_TIMEOUT_S = 120.0
CLEAN_UP_TIMEOUT_S = 660.0
NEEDS = "conformance needs a release of Kata and critest among the artefacts, or those of a cluster"


def run_conformance(wishes: Wishes, console: Console, *, focus: str | None = None) -> int:
    """
    Bring a bench up, run upstream's tests against each handler, file their reports.

    Returns the exit status.

    Without ``--cells``: runc, and each cell of the default matrix that is known to work.

    Args:
        focus: A regular expression: only tests whose name has a match are run.

    Raises:
        UsageError: if the wishes name nothing that has a handler.
        ArtefactError: if the artefacts are not here.
    """
    stopwatch = Stopwatch()
    with plain(console, total=0) as screen, ExitStack() as holding:
        everything = replace(wishes, cells=wishes.cells or EVERY, controls=Controls.NONE)
        decided, kit = _decided(
            launch.decide(everything, say=screen.say, stopwatch=stopwatch),
            is_chosen=wishes.cells is not None,
        )
        suite = _suite(kit)
        doing = f"running {suite.tests.program}"
        targets = tuple(_targets(decided.plan.cells, kit))
        shared = launch.leased(decided, doing, is_alone=False, say=screen.say, stopwatch=stopwatch)
        lease = holding.enter_context(shared)
        store = launch.open_store(decided)
        lease.tell(f"{doing} into {store.path.absolute()}")
        summaries: list[Summary] = []
        try:
            with launch.running(decided, store, say=screen.say, stopwatch=stopwatch) as bench:
                suite.set_up(bench.setting, targets)
                for target in targets:
                    screen.say(f"{suite.tests.program} against {target.handler}")
                    run_one = Asked(target=target, seed=decided.plan.seed, focus=focus)
                    with stopwatch.spending(Activity.MEASURING):
                        found = _test(suite, bench.setting, run_one, store)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked of one program: which handler, which tests, in which order."""

    target: Target
    seed: int
    focus: str | None


class Suite(Protocol):
    """One of upstream's programs, and how it is run on a bench."""

    @property
    def tests(self) -> suite_report.Suite:
        """What is known of its tests."""

    def set_up(self, setting: Setting, targets: Iterable[Target]) -> None:
        """Give the nodes what it needs."""

    def run(self, setting: Setting, asked: Asked) -> Completed:
        """Run it to its end."""

    def report(self, setting: Setting, asked: Asked) -> str:
        """Ginkgo's report of that; empty if there is none."""

    def clean_up(self, setting: Setting) -> None:
        """End what it may have left."""


@dataclass(frozen=True, slots=True)
class Critest:
    """critest, which runs on the node."""

    program: Path
    tests = suite_report.CRITEST

    def set_up(self, setting: Setting, targets: Iterable[Target]) -> None:
        """Give the node the program, and the images that it wants."""
        text = critest.program_text(self.program.read_bytes())
        setting.node.run(["sh", "-c", critest.PUT], timeout_s=SETUP_TIMEOUT_S, stdin=text)
        snapshotters = {target.snapshotter for target in targets}
        setting.node.script(critest.setup_script(snapshotters), timeout_s=SETUP_TIMEOUT_S)

    def run(self, setting: Setting, asked: Asked) -> Completed:
        """Run it to its end."""
        argv = critest.arguments(asked.target.handler, seed=asked.seed, focus=asked.focus)
        return setting.node.run(argv, timeout_s=critest.SUITE_TIMEOUT_S + GRACE_S, check=False)

    def report(self, setting: Setting, asked: Asked) -> str:
        """Ginkgo's report of that; empty if there is none."""
        path = critest.report_path(asked.target.handler)
        return setting.node.run(["cat", path], timeout_s=REPORT_TIMEOUT_S, check=False).stdout

    def clean_up(self, setting: Setting) -> None:
        """End what it may have left."""
        setting.node.script(critest.CLEAN_UP, timeout_s=CLEAN_UP_TIMEOUT_S)


@dataclass(frozen=True, slots=True)
class E2e:
    """e2e.test, which runs on this machine."""

    program: Path
    agnhost: Artefact
    tests = suite_report.E2E

    def set_up(self, setting: Setting, targets: Iterable[Target]) -> None:
        """Give the nodes the image of its pods."""
        script = e2e.setup_script(self.agnhost, {target.snapshotter for target in targets})
        for node in setting.nodes:
            node.script(script, timeout_s=SETUP_TIMEOUT_S)

    def run(self, setting: Setting, asked: Asked) -> Completed:
        """Make the handler that of pods which name none, and run it to its end."""
        setting.node.script(e2e.default_script(asked.target.handler), timeout_s=SETUP_TIMEOUT_S)
        report = self._report(setting)
        report.unlink(missing_ok=True)
        argv = e2e.arguments(
            self.program,
            kubeconfig=_api(setting).kubeconfig,
            report=report,
            seed=asked.seed,
            focus=asked.focus,
        )
        return command.run(argv, timeout_s=e2e.SUITE_TIMEOUT_S + GRACE_S, check=False)

    def report(self, setting: Setting, asked: Asked) -> str:  # noqa: ARG002 - Suite
        """Ginkgo's report of that; empty if there is none."""
        path = self._report(setting)
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def clean_up(self, setting: Setting) -> None:
        """Give the default back: each run deletes its own namespaces, and ends on this machine."""
        setting.node.script(e2e.default_script(DEFAULT_RUNTIME), timeout_s=SETUP_TIMEOUT_S)

    def _report(self, setting: Setting) -> Path:
        return setting.node.access.sockets / "e2e.xml"


def _suite(kit: Kit) -> Suite:
    if kit.cluster is None:
        return Critest(kit.artefacts.path(suite_report.CRITEST.program))
    if kit.cluster.agnhost is None:
        problem = "e2e.test starts pods of agnhost, whose image is not among the artefacts"
        raise ArtefactError(problem, remedy=kit.artefacts.remedy)
    return E2e(kit.artefacts.path(suite_report.E2E.program), kit.cluster.agnhost)


def _api(setting: Setting) -> Api:
    if setting.api is None:
        raise ValueError("there is no cluster")
    return setting.api


def _test(suite: Suite, setting: Setting, asked: Asked, store: Store) -> Summary:
    """Run the tests against one handler, and file what they say and what that comes to."""
    handler, tests = asked.target.handler, suite.tests
    said = report = ""
    try:
        done = suite.run(setting, asked)
        said = done.stdout + done.stderr
        report = suite.report(setting, asked)
        summary = suite_report.summarise(
            tests, report, handler=handler, runtime=asked.target.runtime
        )
    except (CommandError, ToolOutputError) as error:
        if isinstance(error, CommandError):
            said += error.completed.stdout
        said = "\n".join((said, error.problem, *getattr(error, "__notes__", ())))
        summary = suite_report.broken(tests, handler, error.problem)
    store.add_conformance(handler, f"{tests.program}.log", said)
    if report:
        store.add_conformance(handler, "junit.xml", report)
    store.add_conformance(handler, "summary.json", suite_report.render(summary))
    suite.clean_up(setting)
    return summary


def _told(summary: Summary) -> str:
    lines = [str(summary)]
    lines += [f"  FAIL {name}: {said}" for name, said in summary.failed.items()]
    lines += [f"  works now: {name} (known: {why})" for name, why in summary.works_now.items()]
    return "\n".join(lines)
