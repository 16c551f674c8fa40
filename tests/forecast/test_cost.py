from __future__ import annotations

import dataclasses

import msgspec
import pytest

from lab.forecast.cost import OVERHEAD_S, Kind, boot_seconds, costs, setup_seconds
from lab.forecast.source import Source
from lab.matrix import CONTROL_CELLS, Cell, Variant
from lab.profile import PUBLISH, SMOKE, STANDARD
from lab.run import Run
from tests.fake_run import METRICS, FakeRun

REFERENCE = Cell.parse("tcfilter+virtiofs+reference")
OTHER = Cell.parse("none+9p+reference")
KATA = Cell.parse("none+9p+kata-go")
KIND = Kind(profile=STANDARD, is_emulated=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Three rounds of a cell and its control."""
    fake = FakeRun(cells=(CONTROL_CELLS[0], REFERENCE), rounds=3, metrics=METRICS[:1])
    return Run.load(fake.write(tmp_path_factory.mktemp("cost")))


def spent(run: Run, boot: str) -> float:
    return sum(record.elapsed_s for record in run.recorded if record.boot == boot)


def test_a_boot_takes_what_the_one_in_the_middle_took(run: Run) -> None:
    taken = sorted(spent(run, f"{REFERENCE}-r{number}") for number in (1, 2, 3))

    assert boot_seconds([run])[str(REFERENCE)] == pytest.approx(taken[1])
    assert boot_seconds([run, run]) == pytest.approx(boot_seconds([run]))
    assert boot_seconds([]) == {}


def test_a_boot_that_was_made_again_says_nothing_of_one(run: Run) -> None:
    again = [
        msgspec.structs.replace(record, boot=f"{record.boot}-a2", attempt=2, elapsed_s=0.001)
        for record in run.recorded
    ]
    noisy = dataclasses.replace(run, recorded=(*run.recorded, *again))

    assert boot_seconds([noisy]) == boot_seconds([run])


def test_the_rest_of_a_run_is_what_came_beside_its_boots(run: Run) -> None:
    assert run.timeline is not None
    boots = sum(record.elapsed_s for record in run.recorded)

    assert setup_seconds([run]) == pytest.approx(run.timeline.total_s - boots)
    assert setup_seconds([]) is None


def test_what_was_measured_comes_before_what_is_alike_and_that_before_a_guess(run: Run) -> None:
    twin = REFERENCE.of(Variant.TWIN)

    found = costs(map(str, (REFERENCE, twin, OTHER, KATA)), [run], KIND)

    known = boot_seconds([run])[str(REFERENCE)]
    assert [(cost.seconds, cost.source) for cost in found] == [
        (known, Source.MEASURED),
        (known, Source.MEASURED),
        (known, Source.SIMILAR),
        (KIND.seconds(KATA), Source.ASSUMED),
    ]


def test_a_cell_that_will_not_be_measured_costs_its_start(run: Run) -> None:
    kind = Kind(profile=PUBLISH, is_emulated=True, doubtful=frozenset({str(OTHER)}))

    (cost,) = costs([str(OTHER.of(Variant.TWIN))], [run], kind)

    assert (cost.seconds, cost.source) == (OVERHEAD_S[True], Source.ASSUMED)


@pytest.mark.parametrize("is_emulated", [False, True])
def test_a_guess_follows_the_profile(is_emulated: bool) -> None:  # noqa: FBT001 - one of two machines
    guesses = [
        Kind(profile=profile, is_emulated=is_emulated).seconds(KATA)
        for profile in (SMOKE, STANDARD, PUBLISH)
    ]

    assert guesses == sorted(guesses)
    assert STANDARD.measured_s == 3 * 12 + 5 + 10 + 5 + 5 + 3 * 12
