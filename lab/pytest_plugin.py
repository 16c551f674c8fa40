"""
pytest's side of the lab: options, the order of scenarios, and what becomes of one.

``lab matrix`` runs pytest with this plug-in and hands over what it has decided; plain
``pytest scenarios`` decides by itself when the first scenario is collected.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from lab.bench import NotMeasuredError
from lab.errors import LabError, StoreError, told
from lab.options import OPTIONS, Wishes, section_of
from lab.outcome import BY_THE_BENCH, Outcome
from lab.pause import TOUCHED
from lab.places import SCENARIOS
from lab.records import OutcomeRecord
from lab.repeats import repeats
from lab.run import BENCH_FAILED
from lab.session import SESSION, Session, Verdict, scenario_of, session_of, sight_of
from lab.stopwatch import Activity

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from lab.plan import Boot

pytest_plugins = ("lab.fixtures",)

CLUSTER = SCENARIOS / "cluster"
"""The scenarios that only a cluster can show."""
ENDING = {"restart": 1, "container_restart": 1, "doomed": 2}
"""The fixtures that end what other scenarios measure; the sandbox does not outlive the last."""
"""The fixture of every scenario that records samples."""
STORAGES = "storages"
"""The mark of a scenario that has a meaning on some storages only, which are its arguments."""
MARKS = ("storages(name, ...): has a meaning on these storages only, and is asked nowhere else",)
"""As pytest registers them."""
STARTED = pytest.StashKey[tuple[datetime, float]]()
"""When an item was at its turn: UTC, and on the clock that never jumps."""
VERDICT = pytest.StashKey[Verdict]()


COMPLETE = {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
"""How pytest ends when every scenario had its turn."""


class Handover:
    """Gives pytest a session that ``lab matrix`` has made, and takes its reporter away."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Our own screen reports; everything else is pytest's."""
        config.stash[SESSION] = self._session
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            config.pluginmanager.unregister(reporter)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A scenario file that cannot be read is said: there is no other reporter to do so."""
        if report.failed:
            self._session.say(f"{report.nodeid}: {report.longreprtext}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the lab's options to pytest, in groups of their own."""
    for option in OPTIONS:
        title = f"the lab: {section_of(option)}"
        parser.getgroup(title, title).addoption(
            option.flag,
            dest=option.name,
            metavar=option.metavar or "|".join(option.choices),
            help=option.meaning,
        )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse wrong options before anything is collected."""
    for mark in MARKS:
        config.addinivalue_line("markers", mark)
    try:
        Wishes.read(config.getoption)
    except LabError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the scenarios of clusters where there is none; of others pytest decides."""
    if collection_path != CLUSTER or _only_tells(config):
        return None
    return None if sight_of(config).is_cluster else True


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """
    Run every scenario that takes a sandbox once for each boot of the plan.

    Those that may have to be made again are there from the beginning, and are put aside.
    The sandbox needs the boot: somebody else's fixture of that name does not, and starts nothing.
    """
    if "boot" in metafunc.fixturenames and not _only_tells(metafunc.config):
        sight = sight_of(metafunc.config)
        known = (*sight.boots, *repeats(sight.plan))
        boots = {boot.id: boot for boot in known}.values()
        metafunc.parametrize("boot", boots, ids=[boot.id for boot in boots], scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """
    Put the scenarios in the order of the plan, boot by boot; what ends a sandbox comes last.

    Those that have no meaning on a boot's storage are left out. The session keeps those of boots
    that may have to be made again.
    """
    ordered = sorted((item for item in items if _has_meaning(item)), key=_turn)
    first = [item for item in ordered if (boot := _boot(item)) is None or _is_due(boot, config)]
    kept = set(first)
    for item in ordered if SESSION in config.stash else ():
        if item not in kept:
            session_of(config).spare.setdefault(_boot_id(item), []).append(item)
    if left_out := [item for item in items if item not in kept]:
        config.hook.pytest_deselected(items=left_out)
    items[:] = first


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """Tell the screen which boot is at its turn, and what came of it; look after each round."""
    item.stash[STARTED] = (datetime.now(UTC), time.monotonic())
    session, boot = item.config.stash.get(SESSION, None), _boot(item)
    if session is None or boot is None:
        return (yield)
    session.looks.begin()
    with _kept(session, item):
        session.begin_boot(boot)
    if session.screen is not None:
        if boot.id not in session.counts:
            session.screen.begin(boot)
            session.counts[boot.id] = {}
        session.begin(_title(item))
    result = yield
    if session.screen is not None and _is_last_of(boot, nextitem):
        session.screen.end(boot, session.counts[boot.id])
    if _is_last_of(boot, nextitem):
        with _kept(session, item):
            session.end_boot(boot)
    if _is_last_of_round(boot, nextitem):
        _end_round(session, item, boot.round)
    return result


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Once node or guest is lost, say so at once instead of waiting for it again and again."""
    session = item.config.stash.get(SESSION, None)
    boot = _boot(item)
    if session is None or boot is None:
        return
    if session.store_problem:
        raise NotMeasuredError(Outcome.INFRA, session.store_problem)
    if reason := session.set_aside.get(boot.id):
        is_first = boot.id not in session.said_aside
        session.said_aside.add(boot.id)
        raise NotMeasuredError(Outcome.INFRA if is_first else Outcome.NOT_RUN, reason)
    if session.is_lost:
        raise NotMeasuredError(Outcome.BLOCKED, f"{BY_THE_BENCH}: the node no longer answers")
    if session.lost_boot == boot.id:
        raise NotMeasuredError(Outcome.BLOCKED, "the guest no longer answers")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Count the time of a scenario's own work as measuring."""
    session = item.config.stash.get(SESSION, None)
    if session is None or _boot(item) is None:
        return (yield)
    with session.stopwatch.spending(Activity.MEASURING):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, None, None]:
    """End the sandbox with its last scenario, so that what goes wrong then is that boot's."""
    session, boot = item.config.stash.get(SESSION, None), _boot(item)
    try:
        return (yield)
    finally:
        if session is not None and boot is not None and _is_last_of(boot, nextitem):
            session.close_boot()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn what happened into one of the lab's outcomes, and record it with the last phase."""
    report = yield
    session, boot = item.config.stash.get(SESSION, None), _boot(item)
    if session is None or boot is None:
        return report
    if call.excinfo is not None:
        verdict = session.judge(call.excinfo.value)
        if session.is_beyond_asking(call.excinfo.value):
            session.lost_boot = boot.id
        known = item.stash.get(VERDICT, None)
        if known is None or _says_more(verdict[0], known[0]):
            session.diagnose(boot, scenario_of(item), verdict)
            verdict = session.judge_again(call.excinfo.value, verdict)
            item.stash[VERDICT] = verdict
        if verdict[0] in {Outcome.UNSUPPORTED, Outcome.NOT_RUN}:
            report.outcome = "skipped"
            report.longrepr = (str(item.path), 0, f"{verdict[0]}: {verdict[1]}")
    if call.when == "teardown":
        with _kept(session, item):
            _record(session, item, boot)
    return report


def pytest_exception_interact(
    node: pytest.Item | pytest.Collector, call: pytest.CallInfo[None]
) -> None:
    """Let somebody look before the sandbox ends; that this took a while is not the scenario's."""
    session = node.config.stash.get(SESSION, None)
    if not isinstance(node, pytest.Item) or session is None or call.when == "teardown":
        return
    boot, verdict = _boot(node), node.stash.get(VERDICT, None)
    if boot is None or verdict is None:
        return
    stood_s = session.stand_still(boot, scenario_of(node), verdict)
    if stood_s:
        outcome, reason, tail = verdict
        node.stash[VERDICT] = outcome, f"{reason}\n({TOUCHED})", tail
        started, began = node.stash[STARTED]
        node.stash[STARTED] = started, began + stood_s


@pytest.hookimpl(wrapper=True, trylast=True)  # around the fixtures' end: some want the node for it
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Generator[None, None, None]:
    """Take everything down, also after Ctrl-C; without a screen of ours, write the report."""
    ours = session.config.stash.get(SESSION, None)
    if ours is None:
        return (yield)
    if ours.bench is not None:
        ours.bench.is_ending = exitstatus == pytest.ExitCode.INTERRUPTED
    yield
    try:
        ours.stack.close()
    except LabError as error:  # all is measured: that something stays up is a leak, and no more
        ours.leaves(error)
    if ours.screen is None:
        from lab import launch, report, takedown  # noqa: PLC0415 - unit tests must not need libvirt

        is_complete = exitstatus in COMPLETE and not session.shouldfail  # as after -x
        run = launch.finish(ours.store, ours.stopwatch, is_complete=is_complete)
        report.write(ours.store.path)
        if run.has_leaks:  # no scenario has failed of it, and yet the run has
            session.exitstatus = BENCH_FAILED
        try:
            takedown.leave()
        except LabError as error:
            session.config.get_terminal_writer().line(told(error))


def _record(session: Session, item: pytest.Item, boot: Boot) -> None:
    outcome, reason, tail = item.stash.get(VERDICT, (Outcome.PASS, "", ()))
    started, began = item.stash[STARTED]
    session.store.add_outcome(
        OutcomeRecord(
            boot=boot.id,
            cell=str(boot.cell),
            round=boot.round,
            scenario=scenario_of(item),
            outcome=outcome,
            reason=reason,
            started=started,
            elapsed_s=time.monotonic() - began,
            console_tail=tail,
            attempt=boot.attempt,
        )
    )
    counts = session.counts.setdefault(boot.id, {})
    counts[outcome] = counts.get(outcome, 0) + 1


@contextmanager
def _kept(session: Session, item: pytest.Item) -> Iterator[None]:
    """End the run in order if what the block keeps cannot be kept: no more can be then."""
    try:
        yield
    except StoreError as error:
        session.cannot_keep(error, item)


def _says_more(later: Outcome, earlier: Outcome) -> bool:
    """
    Whether what came of the end of a sandbox is to be told, and not what came before it.

    What was not run failed nobody, and what was blocked did not fail by itself.
    """
    if later is Outcome.INFRA:
        return not earlier.is_bad or earlier is Outcome.BLOCKED
    return later.is_bad and not earlier.is_bad


def _boot(item: pytest.Item) -> Boot | None:
    callspec: Any = getattr(item, "callspec", None)
    return callspec.params.get("boot") if callspec is not None else None


def _only_tells(config: pytest.Config) -> bool:
    """Whether pytest only shows what fixtures there are: nothing is to be decided or built then."""
    return bool(config.option.showfixtures or config.option.show_fixtures_per_test)


def _boot_id(item: pytest.Item) -> str:
    boot = _boot(item)
    return boot.id if boot else ""


def _is_due(boot: Boot, config: pytest.Config) -> bool:
    """Whether a boot is to be made, and not only if another turns out to be contaminated."""
    return boot in sight_of(config).boots


def _has_meaning(item: pytest.Item) -> bool:
    boot, mark = _boot(item), item.get_closest_marker(STORAGES)
    return boot is None or mark is None or boot.cell.storage in mark.args


def _turn(item: pytest.Item) -> tuple[int, int]:
    boot = _boot(item)
    ends = max((ENDING.get(name, 0) for name in getattr(item, "fixturenames", ())), default=0)
    return (0 if boot is None else boot.position, ends)


def _end_round(session: Session, item: pytest.Item, number: int) -> None:
    """
    Go on with what must be measured again; or else see whether more rounds are needed.

    If none are, those that are left are left out: the run is complete then.
    """
    has_ended = False
    with _kept(session, item):
        if again := session.again(number):
            _go_on_with(again, item)
            return
        has_ended = session.ends_with(number)
    if not has_ended:
        return
    every = item.session.items
    left = every[every.index(item) + 1 :]
    if left:
        del every[-len(left) :]
        item.config.hook.pytest_deselected(items=left)


def _go_on_with(items: list[pytest.Item], last: pytest.Item) -> None:
    """Run *items* next, after the *last* one, which pytest has ended for another to follow."""
    # Modules and folders that do not go with what follows now must be ended as well.
    last.session._setupstate.teardown_exact(items[0])  # noqa: SLF001 - nothing public does
    every = last.session.items
    place = every.index(last) + 1
    every[place:place] = items


def _is_last_of_round(boot: Boot, nextitem: pytest.Item | None) -> bool:
    following = None if nextitem is None else _boot(nextitem)
    return following is None or following.round != boot.round


def _is_last_of(boot: Boot, nextitem: pytest.Item | None) -> bool:
    return nextitem is None or _boot(nextitem) != boot


def _title(item: pytest.Item) -> str:
    name: str = getattr(item, "originalname", item.name)
    return name.removeprefix("test_").replace("_", " ")
