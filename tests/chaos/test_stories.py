"""The whole harness on a machine that is only played, and everything that can go wrong on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lab.outcome import Outcome
from lab.together import together
from tests.chaos import real_places
from tests.chaos.faults import Fault
from tests.chaos.story import Told
from tests.chaos.suite import page

ROOT = Path(__file__).parents[2]
FEW = 12
"""Of the unit tests: some 2 s each. `nox -s chaos` plays a thousand."""


def stories(*words: str, timeout_s: float) -> list[dict[str, Any]]:
    """Play stories in a process of its own: it forks, and has no threads."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", *words],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        check=False, timeout=timeout_s,
    )  # fmt: skip
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert not done.stderr, done.stderr
    return told


@pytest.mark.chaos
@pytest.mark.slow
def test_what_must_hold_holds_in_a_thousand_stories() -> None:
    told = stories("--seeds", "1", "1000", "--each", timeout_s=7200)

    assert [each for each in told if each["wrong"]] == []
    assert len(told) > 1000


@pytest.mark.program
def test_what_must_hold_holds_in_a_few_stories() -> None:
    halves = [("--seeds", "1", str(FEW), "--of", "2", "--part", part) for part in "01"]
    told = [
        each
        for half in together([partial(stories, *words, timeout_s=600) for words in halves])
        for each in half
    ]

    assert [each for each in told if each["wrong"]] == []
    assert len(told) == FEW
    assert len({each["fault"] for each in told}) >= 5


def told(**changes: Any) -> Told:  # noqa: ANN401
    known: dict[str, Any] = {
        "fault": Fault.KILL, "point": "sample", "nth": 6, "seed": 0, "seen": "killed, running",
        "kept": 5, "left": 6, "resumes": 1, "ended": f"complete: 16 {Outcome.PASS}", "wrong": (),
        **changes,
    }  # fmt: skip
    return Told(**known)


def test_the_page_says_what_was_not_as_it_must_be() -> None:
    good, bad = told(), told(seed=3, fault=Fault.DISK_FULL, wrong=("2 samples lost",))

    text = page([good, bad])

    assert "2 stories: 1 as they must be, 1 not." in text
    assert "- disk full at `sample`, time 6, seed 3: 2 samples lost" in text
    assert "| sample | 6 | killed, running; kept 5, left 6; at last complete: 16 PASS |" in text
    assert page([good, bad]) == text


def test_a_point_that_is_told_again_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(real_places, "TOLD", tmp_path / "told.jsonl")
    assert real_places.section() == ""

    for each in (told(wrong=("no report",)), told(point="ssh"), told()):
        real_places._keep(each)

    assert [each.point for each in real_places.known()] == ["ssh", "sample"]
    text = real_places.section()
    assert "2 points: 2 as they must be, 0 not." in text
    assert text.count("| sample | 6 |") == 1


def test_a_point_that_went_wrong_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real_places, "TOLD", tmp_path / "told.jsonl")
    real_places._keep(told(wrong=("gc leaves x", "no report")))

    text = real_places.section()

    assert "1 point: 0 as they must be, 1 not." in text
    assert "| **WRONG** gc leaves x; no report |" in text
