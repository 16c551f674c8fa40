"""What is claimed in large letters is what the analysis says, and nothing else."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import msgspec

from lab.analysis import analyse
from lab.contamination import RULES
from lab.records import RunStatus
from lab.report.claims import claim, trust, unclaimed
from tests.analysis.test_analyse import PRIMARY, table
from tests.campaigns import campaign
from tests.fake_run import FakeRun

if TYPE_CHECKING:
    from lab.run import Run


def test_cells_are_counted_by_what_is_known_of_them(designed: Run) -> None:
    told = claim(analyse(designed))

    assert re.match(r"Of \d+ cells, each against the baseline of its runtime on 3 primary", told)
    cells = {
        each.cell for each in designed.header.plan.design.comparisons if each.role == "baseline"
    }
    numbers = [int(number) for number in re.findall(r"[:,] (\d+) [a-z]", told)]
    assert sum(numbers) == len(cells)
    assert "1 not known" in told, "it was blocked"


def test_one_round_claims_nothing(smoke: Run) -> None:
    analysis = analyse(smoke)

    assert claim(analysis) == ""
    assert unclaimed(smoke, analysis).startswith("One round: nothing is claimed")


def test_several_rounds_without_a_design_claim_nothing(troubled: Run) -> None:
    assert "was declared" in unclaimed(troubled, analyse(troubled))


def test_few_rounds_claim_nothing() -> None:
    run = campaign(table(rounds=3), primary=PRIMARY)

    assert claim(analyse(run)) == ""
    assert "has an interval" in unclaimed(run, analyse(run))


def test_nothing_measured_has_nothing_to_be_believed() -> None:
    run = FakeRun(cells=()).read()

    assert unclaimed(run, analyse(run)) == ""
    assert trust(run, analyse(run)) == ()


def test_what_decides_how_far_it_can_be_believed(designed: Run) -> None:
    told = {each.name: each for each in trust(designed, analyse(designed))}

    assert list(told) == ["twin", "handicap", "noise", "run"]
    assert told["twin"].state in {"good", "bad"}
    assert "contaminated" in told["noise"].text
    assert told["noise"].state == "bad"


def test_what_a_machine_does_not_tell_is_named(smoke: Run) -> None:
    noise: dict[str, float | None] = {rule.name: 0.0 for rule in RULES}
    noise["host_thermal_throttles"] = None
    samples = tuple(msgspec.structs.replace(each, noise=noise) for each in smoke.samples)
    run = dataclasses.replace(smoke, samples=samples)

    (told,) = (each for each in trust(run, analyse(run)) if each.name == "noise")

    assert told.state == "quiet"
    assert told.text.endswith("contaminated in what is told; not told: host thermal throttles")


def test_where_nothing_is_told_nothing_is_known(smoke: Run) -> None:
    samples = tuple(msgspec.structs.replace(each, noise={}) for each in smoke.samples)
    run = dataclasses.replace(smoke, samples=samples)

    (told,) = (each for each in trust(run, analyse(run)) if each.name == "noise")

    assert told.text == "not known whether anything was disturbed"


def test_a_run_that_was_interrupted_is_not_complete() -> None:
    run = FakeRun(status=RunStatus.INTERRUPTED).read()

    told = {each.name: each for each in trust(run, analyse(run))}

    assert (told["run"].state, told["run"].text) == ("bad", "not complete")
    assert (told["twin"].state, told["twin"].text) == ("quiet", "not in this run")
