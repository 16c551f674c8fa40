"""pytest by itself, without the console command."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from lab import plan, pytest_plugin
from lab.errors import (
    HostError,
    ProvisionError,
)
from lab.outcome import Outcome
from lab.records import Leaks
from lab.run import Run
from tests.plugin.runner import FIRST, ORDER, PLAN, WORKS, Runner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import SimpleNamespace

    from lab.plan import Plan

FAILS_IN_ONE = """\
def test_works(sandbox): assert str(sandbox.cell.storage) != "devmapper"
def test_lasts(sandbox): pass
"""


@pytest.fixture
def decides(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> Callable[[Plan], None]:
    """What makes plain pytest decide on a plan, on a bench and a run of their own."""

    def decide(planned: Plan) -> None:
        runner.plan_anew(planned)
        launch = sys.modules["lab.launch"]
        monkeypatch.setattr(launch, "decide", lambda *_, **__: runner.decided(), raising=False)
        monkeypatch.setattr(launch, "open_store", lambda _: runner.store, raising=False)
        monkeypatch.setattr("lab.report.write", lambda _: None)

    return decide


def opened(runner: Runner) -> list[str]:
    """The boots that were opened, in order."""
    return [call.removeprefix("open ") for call in runner.bench.calls if call.startswith("open ")]


def test_a_wrong_option_is_a_usage_error_before_anything_is_collected(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    done = pytester.inline_run("--profile=smoky", plugins=[pytest_plugin])

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert capsys.readouterr().err == (
        "ERROR: --profile: unknown value 'smoky'\n"
        "  remedy: did you mean 'smoke'? known: smoke, standard, publish\n\n"
    )


def test_what_cannot_be_decided_is_told_without_a_traceback_and_nothing_runs(
    runner: Runner,
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def decide(*_: object, **__: object) -> None:
        raise HostError("no room for the node", remedy="make room")

    monkeypatch.setattr(sys.modules["lab.launch"], "decide", decide, raising=False)
    pytester.makepyfile(WORKS)

    done = pytester.inline_run(plugins=[pytest_plugin])

    assert done.ret == pytest.ExitCode.INTERRUPTED
    shown = capsys.readouterr().out
    assert "no room for the node\n  remedy: make room\n" in shown
    assert "Traceback" not in shown
    assert "pytest_plugin.py" not in shown
    assert runner.bench.calls == []


@pytest.mark.parametrize(("has_leaks", "status"), [(False, 0), (True, 3)])
def test_plain_pytest_decides_by_itself_and_writes_the_report(
    runner: Runner,
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    has_leaks: bool,
    status: int,
) -> None:
    runner.has_leaks = has_leaks
    decided = runner.decided()
    launch = sys.modules["lab.launch"]
    wishes = []

    def decide(wish: object, *, say: object, stopwatch: object) -> SimpleNamespace:
        assert say
        assert stopwatch
        wishes.append(wish)
        return decided

    monkeypatch.setattr(launch, "decide", decide, raising=False)
    monkeypatch.setattr(launch, "open_store", lambda _: runner.store, raising=False)
    written: list[Path] = []
    monkeypatch.setattr("lab.report.write", written.append)
    pytester.makepyfile(WORKS)

    done = pytester.inline_run("--cells=*+9p+*", plugins=[pytest_plugin])

    assert done.ret == status
    assert len(wishes) == 1
    assert getattr(wishes[0], "cells", None) == "*+9p+*"
    assert runner.bench.calls[:2] == ["leased", "up"]
    assert runner.bench.calls[-3:] == ["down", "lease given back", "finish True"]
    assert "waiting for this machine" in capsys.readouterr().out
    assert written == [runner.store.path]


def test_a_bench_that_stays_up_fails_a_run_that_is_measured_whole(runner: Runner) -> None:
    """A libvirt that hangs at the very end must not make it one that was interrupted."""
    runner.take_down_fails = ProvisionError("libvirt did not answer", remedy="restart it")

    run = runner.run(WORKS)

    assert run.status == 0
    assert {outcome for _, outcome in run.outcomes} == {Outcome.PASS}
    assert Run.load(run.store.path).leaks == Leaks(leaks=("libvirt did not answer",))
    assert "libvirt did not answer\n  remedy: restart it" in run.screen.told


def test_the_ids_in_junit_are_the_cells(
    pytester: pytest.Pytester, decides: Callable[[Plan], None]
) -> None:
    decides(PLAN)
    pytester.makepyfile(WORKS)

    done = pytester.inline_run("--junit-xml=unit.xml", plugins=[pytest_plugin])

    assert done.ret == 0
    assert _names(pytester.path / "unit.xml") == [f"test_works[{cell}]" for cell in ORDER]


def test_with_several_rounds_ids_have_the_round_too(
    pytester: pytest.Pytester, decides: Callable[[Plan], None]
) -> None:
    decides(plan.make(PLAN.cells[:1], profile="smoke", rounds=2, seed=1))
    pytester.makepyfile(WORKS)

    done = pytester.inline_run("--junit-xml=unit.xml", plugins=[pytest_plugin])

    assert done.ret == 0
    cell = PLAN.cells[0]
    assert _names(pytester.path / "unit.xml") == [
        f"test_works[{cell}-r1]",
        f"test_works[{cell}-r2]",
    ]


def _names(junit: Path) -> list[str]:
    return [case.attrib["name"] for case in ElementTree.parse(junit).iter("testcase")]  # noqa: S314


def test_what_failed_last_opens_its_own_boot_and_no_other(
    runner: Runner, pytester: pytest.Pytester, decides: Callable[[Plan], None]
) -> None:
    pytester.makepyfile(FAILS_IN_ONE)
    decides(PLAN)
    pytester.inline_run(plugins=[pytest_plugin])
    assert opened(runner) == ORDER

    decides(PLAN)
    done = pytester.inline_run("--lf", plugins=[pytest_plugin])

    assert done.countoutcomes() == [0, 0, 1]
    assert opened(runner) == [FIRST]


def test_the_first_failure_ends_the_run_if_that_is_wished(
    runner: Runner, pytester: pytest.Pytester, decides: Callable[[Plan], None]
) -> None:
    pytester.makepyfile(FAILS_IN_ONE)
    decides(PLAN)

    done = pytester.inline_run("-x", plugins=[pytest_plugin])

    assert done.ret == pytest.ExitCode.TESTS_FAILED
    assert done.countoutcomes() == [0, 0, 1]
    assert opened(runner) == [FIRST]
    assert runner.bench.calls[-4:] == [
        *(f"close {FIRST}", "down", "lease given back"),
        "finish False",
    ]
