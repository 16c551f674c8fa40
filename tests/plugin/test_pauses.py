"""A run that stands still where something failed, for somebody to look."""

from __future__ import annotations

import pytest

from lab.bench import NotMeasuredError
from lab.outcome import Outcome
from lab.pause import TOUCHED, Pauses
from tests.fakes import Clock
from tests.plugin.runner import FIRST, ORDER, WORKS, Runner

FAILS = "def test_fails(sandbox): assert sandbox.id != 'tcfilter+9p+reference', 'no answer'\n"


@pytest.fixture
def asked(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a run that stands still has said and asked; each time it stands for an hour."""
    said: list[str] = []
    clock = Clock()
    monkeypatch.setattr("lab.session.time", clock)

    def ask(prompt: str) -> str:
        said.append(prompt)
        said.append(f"sandbox: {runner.bench.is_open}")
        clock.now += 3600
        return ""

    runner.pauses = Pauses(said.append, ask)
    return said


def test_a_run_stands_still_after_a_failure_while_the_sandbox_is_there(
    runner: Runner, asked: list[str]
) -> None:
    run = runner.run(FAILS, test_b=WORKS)

    boot = ORDER[2]
    assert asked[1] == f"The run stands still: {boot}"
    assert asked[2] == "  test_a.py::test_fails is FAIL:"
    assert "no answer" in asked[3]
    assert asked[-6:] == [
        "to look, in another terminal:",
        f"  lab shell {boot}",
        "  lab shell node-1",
        "  lab logs node-1",
        "Enter goes on, Ctrl-C ends the run: ",
        f"sandbox: {boot}",
    ]
    assert run.bench.calls[-5:] == [
        f"open {boot}", f"lend {boot}", f"have {boot} back", f"close {boot}", "down",
    ]  # fmt: skip
    assert runner.doing == [
        f"standing still after {boot}, for somebody to look",
        f"measuring into {run.store.path.absolute()}",
    ]
    failed = next(record for record in run.records if record.outcome is Outcome.FAIL)
    assert failed.reason.endswith(f"({TOUCHED})")
    assert failed.elapsed_s < 3600
    assert run.screen.told.count("stood aside") == 1


def test_a_sandbox_that_does_not_start_is_asked_about_once(
    runner: Runner, asked: list[str]
) -> None:
    reason = NotMeasuredError(Outcome.BLOCKED, "it does not start")
    runner.bench.fails[f"open {FIRST}"] = reason

    runner.run(WORKS, test_b=WORKS)

    assert asked.count("Enter goes on, Ctrl-C ends the run: ") == 1


def test_what_is_no_failure_stops_nothing(runner: Runner, asked: list[str]) -> None:
    runner.bench.fails[f"open {FIRST}"] = NotMeasuredError(Outcome.UNSUPPORTED, "no cache-size")

    runner.run(WORKS + "def test_skips(sandbox): pytest.skip('not here')\n")

    assert asked == []


def test_ctrl_c_while_it_stands_still_ends_the_run(runner: Runner, asked: list[str]) -> None:
    def ask(_prompt: str) -> str:
        raise KeyboardInterrupt

    runner.pauses = Pauses(asked.append, ask)

    with pytest.raises(KeyboardInterrupt):  # pytester hands it on
        runner.run(FAILS + WORKS)

    assert runner.bench.calls[-1] == "down"


def test_a_terminal_that_is_gone_lets_it_go_on(runner: Runner, asked: list[str]) -> None:
    def ask(_prompt: str) -> str:
        raise EOFError

    runner.pauses = Pauses(asked.append, ask)

    assert runner.run(FAILS).status == 1
    assert asked[-1] == "nobody is there any more: it goes on"
