"""What is measured again, and what stays contaminated."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from lab import plan
from lab.design import PRIMARY
from lab.matrix import Cell
from lab.outcome import Outcome
from lab.plan import Boot, Design, Plan
from lab.records import BootEvent, BootRecord, OutcomeRecord
from lab.repeats import Repeats, contaminated, repeats, replaced
from lab.sample import Better, Metric, Sample
from lab.units import Unit
from tests.samples import GOODPUT, sample

CELLS = tuple(
    Cell.parse(name)
    for name in (
        "tcfilter+virtiofs+reference",
        "tcfilter+virtiofs+reference+handicap",
        "tcfilter+9p+reference",
        "veth+overlayfs+runc",
        "veth+devmapper+runc",
    )
)
PLAIN, HANDICAP, NINEP, RUNC, _ = map(str, CELLS)
JITTER = Metric("udp_out_jitter", Unit.SECOND, Better.LOWER, "of no consequence")
CLEAN: dict[str, float | None] = {"host_foreign_cpu": 0.0}
DIRTY: dict[str, float | None] = {"host_foreign_cpu": 1.0}


def planned(*, profile: str = "standard", rounds: int = 3, rules: int = 1) -> Plan:
    design = Design(primary=PRIMARY, min_rounds=rounds, max_rounds=rounds, rules=rules)
    return plan.make(CELLS, profile=profile, rounds=rounds, seed=7, design=design)


def of(
    cell: str, *, number: int = 1, attempt: int = 1, metric: Metric = GOODPUT,
    noise: dict[str, float | None] = DIRTY, value: float = 1.0,
) -> Sample:  # fmt: skip
    return sample(value, metric, cell=cell, round=number, attempt=attempt, noise=noise)


def ids(boots: tuple[Boot, ...]) -> list[str]:
    return [boot.id for boot in boots]


def test_every_boot_may_be_repeated_twice_under_a_name_of_its_own() -> None:
    made = planned()

    found = repeats(made)

    assert len(found) == 2 * len(made.order)
    assert len({boot.id for boot in (*made.order, *found)}) == 3 * len(made.order)
    first = made.order[0]
    assert found[0] == msgspec.structs.replace(first, id=f"{first.id}-a2", attempt=2)
    assert found[1].id == f"{first.id}-a3"


@pytest.mark.parametrize("made", [planned(profile="smoke", rounds=1), planned(rules=0)])
def test_a_run_that_claims_nothing_waits_nothing_out(made: Plan) -> None:
    assert Repeats(made).due([of(PLAIN)], rounds=1) == ()


def test_a_run_without_rules_repeats_nothing() -> None:
    assert repeats(planned(rules=0)) == ()


def test_what_was_lost_is_made_again_at_a_glance_too() -> None:
    run = Repeats(planned(profile="smoke", rounds=1))

    assert ids(run.due([of(PLAIN)], [outcome(NINEP, Outcome.INFRA)], rounds=1)) == [f"{NINEP}-a2"]


@pytest.mark.parametrize(
    ("samples", "again"),
    [
        ([of(NINEP)], [f"{NINEP}-r1"]),
        ([of(NINEP, noise=CLEAN)], []),
        ([of(NINEP, noise={})], []),
        ([of(NINEP, metric=JITTER)], []),
        ([of(NINEP), of(NINEP, attempt=2, noise=CLEAN)], []),
        ([of(NINEP), of(NINEP, attempt=2)], [f"{NINEP}-r1"]),
        ([of(NINEP), of(NINEP, noise=CLEAN)], [f"{NINEP}-r1"]),
        ([of(NINEP, number=2)], [f"{NINEP}-r2"]),
        ([], []),
    ],
)
def test_contaminated_is_what_has_no_clean_attempt_of_some_primary_metric(
    samples: list[Sample], again: list[str]
) -> None:
    assert ids(contaminated(planned(), samples)) == again


def test_the_values_decide_nothing() -> None:
    found = [
        contaminated(planned(), [of(NINEP, value=value), of(RUNC, value=1 / value, noise=CLEAN)])
        for value in (1e-9, 1.0, 1e9)
    ]

    assert found == [found[0]] * 3


def test_a_boot_is_repeated_twice_and_no_more() -> None:
    run = Repeats(planned())

    assert ids(run.due([of(NINEP)], rounds=1)) == [f"{NINEP}-r1-a2"]
    assert ids(run.due([of(NINEP), of(NINEP, attempt=2)], rounds=1)) == [f"{NINEP}-r1-a3"]
    assert run.due([of(NINEP), of(NINEP, attempt=2), of(NINEP, attempt=3)], rounds=1) == ()


def test_a_repeat_that_came_to_nothing_counts() -> None:
    run = Repeats(planned())

    due = [ids(run.due([of(NINEP)], rounds=1)) for _ in range(3)]

    assert due == [[f"{NINEP}-r1-a2"], [f"{NINEP}-r1-a3"], []]


def outcome(
    cell: str, outcome: Outcome, *, scenario: str = "scenarios/network.py::tcp", attempt: int = 1
) -> OutcomeRecord:
    started = datetime(2026, 11, 23, tzinfo=UTC)
    return OutcomeRecord(
        boot=f"{cell}-r1", cell=cell, round=1, scenario=scenario, outcome=outcome,
        started=started, elapsed_s=1.0, attempt=attempt,
    )  # fmt: skip


def test_what_the_bench_has_lost_is_measured_again_within_the_same_limit() -> None:
    """A pair of which one side was lost would be no pair."""
    run = Repeats(planned())
    first = [outcome(NINEP, Outcome.INFRA), outcome(NINEP, Outcome.BLOCKED, scenario="s::b")]

    assert ids(run.due([], first, rounds=1)) == [f"{NINEP}-r1-a2"]
    assert run.due([], [*first, outcome(NINEP, Outcome.PASS, attempt=2)], rounds=1) == ()
    again = [*first, outcome(NINEP, Outcome.INFRA, attempt=2)]
    assert ids(run.due([], again, rounds=1)) == [f"{NINEP}-r1-a3"]
    assert run.due([], again, rounds=1) == ()


def test_what_was_lost_is_made_again_however_noisy_the_machine_is() -> None:
    """A lost boot has given nothing at all; noise alone is not waited out for ever."""
    made = planned(rounds=1)
    run = Repeats(made)
    everything = [of(str(cell)) for cell in CELLS if str(cell) != NINEP]
    while run.due(everything, rounds=1):
        pass

    assert ids(run.due(everything, [outcome(NINEP, Outcome.INFRA)], rounds=1)) == [
        f"{NINEP}-r1-a2" if made.rounds > 1 else f"{NINEP}-a2"
    ]


def journal(*boots: str) -> list[BootRecord]:
    started = datetime(2026, 11, 23, tzinfo=UTC)
    return [
        BootRecord(boot=boot, first=f"{NINEP}-r1", attempt=1, event=BootEvent.ENDED, at=started)
        for boot in boots
    ]


@pytest.mark.parametrize(
    ("last", "ended", "found"),
    [
        (Outcome.PASS, True, {f"{NINEP}-r1": f"{NINEP}-r1-a2"}),
        (Outcome.FAIL, True, {f"{NINEP}-r1": f"{NINEP}-r1-a2"}),
        (Outcome.PASS, False, {}),
        (Outcome.INFRA, True, {}),
    ],
)
def test_what_was_lost_is_replaced_by_what_was_made_whole(
    last: Outcome, *, ended: bool, found: dict[str, str]
) -> None:
    again = f"{NINEP}-r1-a2"
    outcomes = [
        outcome(NINEP, Outcome.PASS),
        outcome(NINEP, Outcome.INFRA, scenario="s::b"),
        msgspec.structs.replace(outcome(NINEP, last, attempt=2), boot=again),
    ]

    assert replaced(journal(f"{NINEP}-r1", *([again] if ended else [])), outcomes) == found


def test_what_failed_by_itself_is_not_made_again() -> None:
    found = [outcome(NINEP, Outcome.FAIL), outcome(NINEP, Outcome.BLOCKED, scenario="s::b")]

    assert Repeats(planned()).due([], found, rounds=1) == ()


def test_a_handicap_is_repeated_with_its_plain_cell_and_also_alone() -> None:
    assert ids(Repeats(planned()).due([of(PLAIN)], rounds=1)) == [
        f"{PLAIN}-r1-a2", f"{HANDICAP}-r1-a2",
    ]  # fmt: skip
    assert ids(Repeats(planned()).due([of(HANDICAP)], rounds=1)) == [f"{HANDICAP}-r1-a2"]


@pytest.mark.parametrize(("rounds", "most"), [(3, 3), (10, 10), (1, 1)])
def test_repeats_are_at_most_a_fifth_of_the_boots(rounds: int, most: int) -> None:
    made = planned(rounds=rounds)
    run = Repeats(made)
    everything = [of(str(cell), number=n + 1) for cell in CELLS for n in range(rounds)]

    found = [boot for _ in range(9) for boot in run.due(everything, rounds=rounds)]

    assert len(found) == most
    assert len(contaminated(made, everything)) == len(made.order)


def test_rounds_that_may_not_be_run_allow_no_repeats() -> None:
    design = Design(primary=PRIMARY, min_rounds=2, max_rounds=20, rules=1)
    made = plan.make(CELLS, profile="standard", rounds=20, seed=7, design=design)
    everything = [of(str(cell), number=n) for cell in CELLS for n in (1, 2)]

    assert len(Repeats(made).due(everything, rounds=1)) == 2
    assert len(Repeats(made).due(everything, rounds=10)) == 10
