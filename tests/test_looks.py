"""After a round: what is looked at, what is decided, and what is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from lab import looks as looks_module
from lab.analysis import analyse
from lab.design import comparisons_of
from lab.looks import Looks, half_widths
from lab.matrix import CONTROL_CELLS, DEFAULT_CELLS, Cell, Variant
from lab.outcome import Outcome
from lab.plan import Design, Role, make
from lab.records import RunHeader
from lab.run import Run
from lab.stats.precision import Stop
from lab.stopwatch import Stopwatch
from lab.store import Store
from tests.fake_run import CREATED, METRICS, NO_DAX, FakeRun, Trouble
from tests.fakes import Clock

if TYPE_CHECKING:
    from pathlib import Path

    from lab.records import LookRecord

ROUND_S = 100.0
SETUP_S = 50.0


@dataclass
class Rig:
    """A run whose rounds take 100 s each; it took 50 s to get to the first."""

    looks: Looks
    clock: Clock
    widths: dict[str, float | None]

    def run(self, *numbers: int) -> list[LookRecord]:
        """What was decided after each of these rounds, up to the end of the run."""
        self.looks.begin()
        found = []
        for number in numbers:
            self.clock.now += ROUND_S
            record = self.looks.after(number)
            found += [record] if record else []
            if record and record.stop:
                break
        return found


def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, design: Design) -> Rig:
    plan = make(
        DEFAULT_CELLS[:2], profile="publish", rounds=design.max_rounds, seed=1, design=design
    )
    header = RunHeader(created=CREATED, command_line=("lab",), topology="embedded", plan=plan)
    clock = Clock()
    stopwatch = Stopwatch(clock.monotonic)
    store = Store.create(tmp_path, header)
    widths: dict[str, float | None] = {"a / b: m": 0.1}
    monkeypatch.setattr(looks_module, "half_widths", lambda _run: widths)
    clock.now += SETUP_S
    return Rig(Looks(store, stopwatch, now=clock.monotonic), clock, widths)


def adaptive(least: int = 5, most: int = 10, budget_s: float | None = None) -> Design:
    return Design(min_rounds=least, max_rounds=most, precision=0.05, budget_s=budget_s)


@pytest.mark.parametrize(
    ("design", "looked_at", "stop"),
    [
        # Every second round from the fifth, and the last one in any case.
        (adaptive(), [5, 7, 9, 10], Stop.ROUNDS),
        (adaptive(5, 9), [5, 7, 9], Stop.ROUNDS),
        # A number that was fixed is not looked at.
        (adaptive(10, 10), [], None),
        # 50 s of set-up and six rounds fit into 700 s; seven do not, nor do two more after five.
        (adaptive(budget_s=700.0), [5], Stop.BUDGET),
        (adaptive(budget_s=750.0), [5, 7], Stop.BUDGET),
        (adaptive(10, 10, budget_s=700.0), [6], Stop.BUDGET),
        # Not even the least number of rounds fits: what fits is run, and that is on record.
        (adaptive(budget_s=260.0), [2], Stop.BUDGET),
        (adaptive(budget_s=10.0), [1], Stop.BUDGET),
        # Time enough is no reason for a look.
        (adaptive(10, 10, budget_s=5000.0), [], None),
    ],
)
def test_a_run_that_stays_imprecise_ends_by_its_rounds_or_its_budget(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    design: Design,
    looked_at: list[int],
    stop: Stop | None,
) -> None:
    found = rig(tmp_path, monkeypatch, design).run(*range(1, 11))

    assert [record.round for record in found] == looked_at
    assert [record.stop for record in found[:-1]] == [None] * (len(found) - 1)
    assert (found[-1].stop if found else None) is stop


def test_a_run_ends_as_soon_as_every_comparison_is_precise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = rig(tmp_path, monkeypatch, adaptive())
    bench.widths.update({"a / b: m": 0.04, "c / b: m": 0.06})
    assert [record.widest for record in bench.run(*range(1, 7))] == ["c / b: m"]

    bench.widths["c / b: m"] = 0.05
    (record,) = bench.run(7)

    assert (record.stop, record.widest, record.half_width) == (Stop.PRECISE, "c / b: m", 0.05)


def test_what_was_decided_is_kept_and_says_how_many_rounds_there_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = rig(tmp_path, monkeypatch, adaptive(budget_s=760.0))

    found = bench.run(*range(1, 11))

    run = Run.load(bench.looks.store.path)
    assert list(run.looks) == found
    assert (found[0].elapsed_s, found[0].half_width) == (500.0, 0.1)
    assert run.rounds == 7
    assert run.header.plan.rounds == 10
    assert {boot.round for boot in run.order} == set(range(1, 8))


def test_a_run_that_goes_on_is_set_out_for_all_its_rounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = rig(tmp_path, monkeypatch, adaptive())
    bench.run(*range(1, 7))

    run = Run.load(bench.looks.store.path)

    assert (run.rounds, len(run.order)) == (10, 20)


REFERENCE = Cell.parse("tcfilter+virtiofs+reference")
OTHER = Cell.parse("none+9p+reference")
UNSUPPORTED = Cell.parse("none+virtiofs-dax+reference")


def measured(tmp_path: Path, *cells: Cell, rounds: int = 6, lost: Cell | None = None) -> Run:
    """Six rounds of invented figures; the cell that is *lost* works in the first two only."""
    trouble = {str(UNSUPPORTED): Trouble(Outcome.UNSUPPORTED, NO_DAX)}
    if lost:
        later = tuple(range(3, rounds + 1))
        trouble[str(lost)] = Trouble(Outcome.BLOCKED, "it hangs", rounds=later)
    names = tuple(metric.metric.name for metric in METRICS[:2])
    design = Design(
        primary=names,
        comparisons=comparisons_of(cells),
        min_rounds=2,
        max_rounds=rounds,
    )
    fake = FakeRun(cells=cells, rounds=rounds, metrics=METRICS[:2], design=design, trouble=trouble)
    return Run.load(fake.write(tmp_path))


def test_the_gates_comparisons_on_primary_metrics_are_looked_at(tmp_path: Path) -> None:
    run = measured(tmp_path, CONTROL_CELLS[0], REFERENCE, OTHER, OTHER.of(Variant.TWIN))

    found = half_widths(run)

    assert list(found) == [f"{OTHER} / {REFERENCE}: {metric.metric.name}" for metric in METRICS[:2]]
    made = analyse(run).effects
    gate = [each.effect for each in made if each.role is Role.BASELINE and each.is_primary]
    assert list(found.values()) == [effect.half_width for effect in gate]
    assert all(width and 0.005 < width < 0.2 for width in found.values())


def test_where_the_gate_has_nothing_to_judge_the_controls_are_looked_at(tmp_path: Path) -> None:
    run = measured(tmp_path, CONTROL_CELLS[0], REFERENCE, REFERENCE.of(Variant.TWIN))

    assert {name.partition(":")[0] for name in half_widths(run)} == {
        f"{REFERENCE} / {CONTROL_CELLS[0]}"
    }


def test_a_cell_that_cannot_be_run_keeps_no_run_going(tmp_path: Path) -> None:
    run = measured(tmp_path, REFERENCE, OTHER, UNSUPPORTED)

    assert not any(str(UNSUPPORTED) in name for name in half_widths(run))
    assert len(half_widths(run)) == 2


def test_a_cell_with_too_few_boots_yet_is_waited_for(tmp_path: Path) -> None:
    run = measured(tmp_path, REFERENCE, OTHER, lost=OTHER)

    assert list(half_widths(run).values()) == [None, None]
