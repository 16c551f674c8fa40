"""How many rounds a run has, and which boots are made again in it."""

from __future__ import annotations

from typing import NoReturn

import pytest

from lab import looks
from lab.errors import (
    StoreError,
)
from lab.matrix import Cell
from lab.outcome import Outcome
from lab.plan import Design, make
from lab.run import Run
from lab.store import Store
from tests.plugin.runner import ORDER, WORKS, Finished, Runner


def adaptive(runner: Runner, *, least: int, most: int) -> None:
    """Let the run have at least and at most so many rounds of two cells."""
    design = Design(min_rounds=least, max_rounds=most, precision=0.05)
    cells = [Cell.parse(name) for name in ORDER[:2]]
    runner.plan_anew(make(cells, profile="publish", rounds=most, seed=1, design=design))


def test_rounds_that_are_not_needed_are_left_out_and_the_run_is_complete(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    widths = iter([{"a / b: m": 0.06}, {"a / b: m": 0.04}])
    monkeypatch.setattr(looks, "half_widths", lambda _run: next(widths))
    adaptive(runner, least=2, most=6)

    run = runner.run(WORKS)

    assert run.status == 0
    assert [record.round for record in run.records] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert {outcome for _, outcome in run.outcomes} == {Outcome.PASS}
    assert run.bench.calls[-1] == "down"
    assert [call for call in run.bench.calls if call.startswith("close")] == [
        f"close {record.boot}" for record in run.records
    ]
    assert "no more rounds after 4: precise" in run.screen.told
    assert (Run.load(run.store.path).rounds, len(Run.load(run.store.path).looks)) == (4, 2)


def test_a_run_whose_rounds_are_fixed_is_not_looked_at(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "half_widths", lambda _run: pytest.fail("it looked"))
    adaptive(runner, least=3, most=3)

    run = runner.run(WORKS)

    assert [record.round for record in run.records] == [1, 1, 2, 2, 3, 3]
    assert Run.load(run.store.path).looks == ()


def test_a_look_that_cannot_be_kept_ends_the_run_in_order(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> NoReturn:
        raise StoreError("the disk is full", remedy="make room")

    monkeypatch.setattr(looks, "half_widths", lambda _run: {})
    monkeypatch.setattr(Store, "add_look", full)
    adaptive(runner, least=2, most=6)

    run = runner.run(WORKS)

    assert run.status == pytest.ExitCode.INTERRUPTED
    assert [record.round for record in run.records] == [1, 1, 2, 2]
    assert any("the disk is full" in line for line in run.screen.told)


FLOW = """\
from lab.sample import Better, Metric
from lab.units import Unit
FLOW = Metric("tcp_out_goodput", Unit.BIT_PER_SECOND, Better.HIGHER, "TCP")
def test_flow(sandbox, measure):
    with measure.watching():
        pass
    measure(FLOW, 5.0)
"""


def repeating(runner: Runner, *, rounds: int = 2, profile: str = "standard") -> list[str]:
    """Let the run have so many rounds of three cells; return its boots, in order."""
    design = Design(primary=("tcp_out_goodput",), min_rounds=rounds, max_rounds=rounds, rules=1)
    cells = [Cell.parse(name) for name in ORDER]
    runner.plan_anew(make(cells, profile=profile, rounds=rounds, seed=1, design=design))
    return [boot.id for boot in runner.plan.order]


def in_order(run: Finished) -> list[str]:
    """The boots that were opened."""
    opened = [call for call in run.bench.calls if call.startswith("open ")]
    closed = [call.removeprefix("close ") for call in run.bench.calls if "close" in call]
    assert [call.removesuffix(" lost") for call in closed] == [
        call.removeprefix("open ") for call in opened
    ], "each is closed before the next"
    return [call.removeprefix("open ") for call in opened]


def test_a_contaminated_boot_is_measured_again_at_the_end_of_its_round(runner: Runner) -> None:
    boots = repeating(runner)
    runner.bench.disturbed = {boots[0]}

    run = runner.run(WORKS, test_b=FLOW, test_c=WORKS)

    again = f"{boots[0]}-a2"
    assert in_order(run) == [*boots[:3], again, *boots[3:]]
    assert [record.scenario for record in run.of(again)] == ["test_b.py::test_flow"]
    assert run.of(again)[0].attempt == 2
    assert {outcome for _, outcome in run.outcomes} == {Outcome.PASS}
    assert run.bench.calls.count("up") == 1
    assert f"disturbed, and measured again: {again}" in run.screen.told
    assert f"begin {again}" in run.screen.told
    assert f"end {again}: 1 PASS" in run.screen.told


def test_it_does_not_matter_in_which_file_a_round_ends_and_begins(runner: Runner) -> None:
    boots = repeating(runner)
    runner.bench.disturbed = {boots[0]}
    ends = "def test_ends(sandbox, restart): pass\n"

    run = runner.run(WORKS + ends, test_b=FLOW)

    assert in_order(run) == [*boots[:3], f"{boots[0]}-a2", *boots[3:]]
    assert {outcome for _, outcome in run.outcomes} == {Outcome.PASS}


def test_samples_of_all_attempts_are_kept_and_the_clean_one_is_used(runner: Runner) -> None:
    boots = repeating(runner)
    runner.bench.disturbed = {boots[1]}

    loaded = Run.load(runner.run(FLOW).store.path)

    assert [(sample.boot, sample.attempt) for sample in loaded.samples if sample.attempt > 1] == [
        (f"{boots[1]}-a2", 2)
    ]
    assert len(loaded.samples) == len(boots) + 1
    assert {sample.boot for sample in loaded.used_samples} == {
        f"{boots[1]}-a2", *boots[:1], *boots[2:]
    }  # fmt: skip
    assert [boot.id for boot in loaded.order] == [*boots[:3], f"{boots[1]}-a2", *boots[3:]]
    assert loaded.degradation == ""
    assert loaded.warnings == ()


def test_the_last_round_has_its_repeats_too_on_the_same_bench(runner: Runner) -> None:
    boots = repeating(runner)
    runner.bench.disturbed = {boots[-1]}

    run = runner.run(WORKS, test_b=FLOW)

    assert in_order(run) == [*boots, f"{boots[-1]}-a2"]
    assert [call for call in run.bench.calls if call in {"up", "down"}] == ["up", "down"]
    assert run.status == 0


def test_what_stays_contaminated_is_not_measured_for_ever_and_degrades_the_run(
    runner: Runner,
) -> None:
    boots = repeating(runner, rounds=4)
    runner.bench.disturbed = {boots[0], f"{boots[0]}-a2", f"{boots[0]}-a3"}

    run = runner.run(FLOW)

    again = [f"{boots[0]}-a2", f"{boots[0]}-a3"]
    assert in_order(run) == [*boots[:3], *again, *boots[3:]]
    assert Run.load(run.store.path).degradation == (
        "Degraded: 1 of 12 boots stay contaminated, and were not measured again, or not often"
        f" enough to help: {boots[0]}."
    )


def test_no_more_than_a_fifth_is_measured_again(runner: Runner) -> None:
    boots = repeating(runner)
    runner.bench.disturbed = set(boots)

    run = runner.run(FLOW)

    assert in_order(run) == [*boots[:3], f"{boots[0]}-a2", *boots[3:]]
    assert "5 of 6 boots" in Run.load(run.store.path).degradation


def test_smoke_measures_nothing_again(runner: Runner) -> None:
    boots = repeating(runner, rounds=1, profile="smoke")
    runner.bench.disturbed = set(boots)

    run = runner.run(FLOW)

    assert in_order(run) == boots
    assert Run.load(run.store.path).degradation == ""


def test_a_boot_that_the_bench_lost_is_made_again_whole_and_takes_its_place(runner: Runner) -> None:
    boots = repeating(runner, rounds=1, profile="smoke")
    runner.bench.lost = "the emulator lost the guest: 32464 exits in 1 s, none by an interrupt"
    loses = f"""
from lab.errors import SandboxError

def test_one(sandbox, boot):
    if boot.id == {boots[1]!r}:
        raise SandboxError("the agent does not answer", remedy="none")
"""

    run = runner.run(loses, test_b=WORKS, test_c=FLOW)

    again = f"{boots[1]}-a2"
    assert in_order(run) == [*boots, again]
    assert f"lost by the bench, and made again: {again}" in run.screen.told
    read = Run.load(run.store.path)
    assert run.of(boots[1])[0].outcome is Outcome.INFRA, "it is on record"
    assert {record.boot for record in read.outcomes} == {boots[0], boots[2], again}
    assert {record.outcome for record in read.outcomes} == {Outcome.PASS}
    assert len([record for record in read.outcomes if record.boot == again]) == 3
    assert read.warnings == (f"The bench lost {boots[1]}; {again} was made in its place.",)


def test_repeats_come_before_the_look_at_the_precision(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def widths(run: Run) -> dict[str, float]:
        seen.append(len(run.samples))
        return {"a / b: m": 0.01}

    monkeypatch.setattr(looks, "half_widths", widths)
    design = Design(primary=("tcp_out_goodput",), min_rounds=2, max_rounds=6, rules=1)
    cells = [Cell.parse(name) for name in ORDER]
    runner.plan_anew(make(cells, profile="publish", rounds=6, seed=1, design=design))
    boots = [boot.id for boot in runner.plan.order]
    runner.bench.disturbed = {boots[4]}

    run = runner.run(WORKS, test_b=FLOW)

    assert in_order(run) == [*boots[:6], f"{boots[4]}-a2"]
    assert seen == [7]
    assert run.status == 0
