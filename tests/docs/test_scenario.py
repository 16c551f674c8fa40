"""The scenario of docs/howto/scenario.md runs as it stands there, in a sandbox that only plays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from lab.command import Completed
from lab.outcome import Outcome
from lab.sample import Better
from lab.units import Unit
from tests.docs.commands import ROOT
from tests.plugin.runner import FIRST, ORDER, Runner

if TYPE_CHECKING:
    from types import SimpleNamespace

    from lab.plan import Boot

PAGE = ROOT / "docs" / "howto" / "scenario.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TOOK_S = 0.25


@pytest.fixture
def scenario() -> str:
    (text,) = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    return str(text)


@pytest.fixture
def runner(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, asked: list[list[str]]
) -> Runner:
    runner = Runner(pytester, monkeypatch)
    opens = runner.bench.open

    def open_one(boot: Boot) -> SimpleNamespace:
        sandbox = opens(boot)
        sandbox.run = run
        return sandbox

    def run(argv: list[str], *, timeout_s: float) -> Completed:
        assert timeout_s > 0
        asked.append(argv)
        return Completed(tuple(argv), 0, "127.0.0.1 localhost\n", "", TOOK_S)

    monkeypatch.setattr(runner.bench, "open", open_one)
    return runner


@pytest.fixture
def asked() -> list[list[str]]:
    """What the sandboxes were asked to run."""
    return []


def test_it_is_run_in_each_boot_and_measures(
    runner: Runner, scenario: str, asked: list[list[str]]
) -> None:
    run = runner.run(scenario)

    assert run.status == 0
    assert run.outcomes == [(boot, Outcome.PASS) for boot in ORDER]
    assert asked == [["getent", "hosts", "localhost"]] * len(ORDER)
    assert [sample.boot for sample in run.samples] == ORDER
    (first,) = (sample for sample in run.samples if sample.boot == FIRST)
    assert first.value == TOOK_S
    assert (first.metric.unit, first.metric.better) == (Unit.SECOND, Better.LOWER)


def test_its_steps_name_it(scenario: str) -> None:
    (name,) = re.findall(r"^def (test_\w+)", scenario, re.MULTILINE)
    steps = BLOCK.sub("", PAGE.read_text(encoding="utf-8"))

    assert len(re.findall(rf"-k '?{name}\b", steps)) == 2
