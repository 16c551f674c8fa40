"""The verbs that measure: what they hand on, and what a plan tells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from lab import campaign, conformance
from lab.cli import main

if TYPE_CHECKING:
    from lab.options import Wishes


pytestmark = pytest.mark.usefixtures("place")
CELL = "tcfilter+9p+reference"


def test_options_are_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Wishes] = []

    def run_matrix(wishes: Wishes, console: object, *, pauses: bool) -> int:
        assert console
        assert not pauses
        seen.append(wishes)
        return 1

    monkeypatch.setattr(campaign, "run_matrix", run_matrix)

    assert main(["matrix", "--cells", "none+*+*", "--rounds", "3", "--output", "/there"]) == 1
    (wishes,) = seen
    assert (wishes.cells, wishes.rounds, str(wishes.output)) == ("none+*+*", 3, "/there")
    assert (wishes.topology, wishes.keep, wishes.accel) == ("embedded", "never", "auto")


def test_conformance_takes_the_same_options_and_a_focus(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str | None, str | None]] = []

    def run_conformance(wishes: Wishes, console: object, *, focus: str | None) -> int:
        assert console
        seen.append((wishes.cells, focus))
        return 1

    monkeypatch.setattr(conformance, "run_conformance", run_conformance)

    assert main(["conformance", "--cells", "*+*+kata-go", "--focus", "Networking"]) == 1
    assert main(["conformance"]) == 1
    assert seen == [("*+*+kata-go", "Networking"), (None, None)]


@pytest.mark.usefixtures("nothing_starts")
def test_plan_tells_what_a_run_would_be_and_starts_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = main(["plan", "--accel", "tcg", "--seed", "7", "--cells", CELL, "--precision", "2%"])

    out, err = capsys.readouterr()
    assert (status, err) == (0, "")
    assert out.startswith("smoke: 1 round of 1 cell, seed 7\nnode under tcg, as was asked\n")
    assert not Path("results").exists()


@pytest.mark.usefixtures("nothing_starts")
def test_plan_tells_programs_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--accel", "kvm", "--seed", "7", "--cells", CELL, "--json"]) == 0

    told = msgspec.json.decode(capsys.readouterr().out)
    assert told["plan"]["rounds"] == 5
    assert [each["cell"] for each in told["plan"]["added"]] == [
        "veth+overlayfs+runc",
        f"{CELL}+twin",
    ]
    assert len(told["plan"]["order"]) == 15
    assert [each["source"] for each in told["costs"]] == ["assumed"] * 3
