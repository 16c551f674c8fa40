from __future__ import annotations

import msgspec
import pytest

from lab import plan
from lab.errors import UsageError
from lab.matrix import DEFAULT_CELLS, Cell, Variant


def make(*, rounds: int = 1, seed: int = 7) -> plan.Plan:
    return plan.make(DEFAULT_CELLS, profile="smoke", rounds=rounds, seed=seed)


def test_every_cell_is_once_in_each_round() -> None:
    boots = make(rounds=4).order

    for number in range(1, 5):
        mine = [boot.cell for boot in boots if boot.round == number]
        assert sorted(map(str, mine)) == sorted(map(str, DEFAULT_CELLS))


def test_positions_count_the_whole_run() -> None:
    assert [boot.position for boot in make(rounds=3).order] == list(range(1, 43))


def test_the_seed_decides_the_order() -> None:
    assert make(seed=1).order == make(seed=1).order
    assert make(seed=1).order != make(seed=2).order


def test_rounds_have_orders_of_their_own() -> None:
    boots = make(rounds=2).order

    assert [b.cell_name for b in boots[:14]] != [b.cell_name for b in boots[14:]]


def test_the_order_of_a_seed_never_changes() -> None:
    """Published runs name their seed: it must give their order again, in any Python."""
    names = [boot.cell_name for boot in make(seed=7).order[:3]]

    assert names == [
        "tcfilter+devmapper+reference",
        "tcfilter+virtiofs+reference",
        "macvtap+virtiofs+reference",
    ]


def test_a_longer_plan_begins_with_the_shorter_one() -> None:
    short = [boot.cell for boot in make(rounds=2).order]

    assert [boot.cell for boot in make(rounds=5).order][: len(short)] == short


def test_the_id_of_a_boot_is_the_cell_and_in_several_rounds_the_round() -> None:
    cell = Cell.parse("tcfilter+virtiofs+reference")

    one = plan.make([cell], profile="smoke", rounds=1, seed=1)
    two = plan.make([cell], profile="smoke", rounds=2, seed=1)

    assert [boot.id for boot in one.order] == [str(cell)]
    assert [boot.id for boot in two.order] == [f"{cell}-r1", f"{cell}-r2"]


def test_a_plan_survives_json() -> None:
    before = make(rounds=2)

    after = msgspec.json.decode(msgspec.json.encode(before), type=plan.Plan)

    assert after == before
    assert after.cells == DEFAULT_CELLS


def test_a_stored_plan_writes_cells_as_people_do() -> None:
    stored = msgspec.to_builtins(make())

    assert stored["cells"][0] == "veth+overlayfs+runc"
    assert stored["order"][0]["cell"] == "tcfilter+devmapper+reference"


def test_no_rounds_is_refused() -> None:
    with pytest.raises(UsageError, match="--rounds: 0"):
        make(rounds=0)


def test_a_cell_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        plan.make([DEFAULT_CELLS[0]] * 2, profile="smoke", rounds=1, seed=1)


WITH_VARIANTS = (
    *DEFAULT_CELLS,
    *(DEFAULT_CELLS[2].of(v) for v in (Variant.TWIN, Variant.HANDICAP)),
)


def test_a_handicap_comes_after_its_cell_in_each_round_and_a_twin_anywhere() -> None:
    order = plan.make(WITH_VARIANTS, profile="publish", rounds=40, seed=7).order
    place = {(boot.cell, boot.round): boot.position for boot in order}
    cell, twin, handicap = DEFAULT_CELLS[2], *WITH_VARIANTS[-2:]

    assert all(place[cell, r] < place[handicap, r] for r in range(1, 41))
    assert {place[cell, r] < place[twin, r] for r in range(1, 41)} == {True, False}
    assert len(place) == 40 * len(WITH_VARIANTS)


def test_the_cells_of_the_matrix_are_those_that_are_no_test_of_the_run() -> None:
    made = plan.make(WITH_VARIANTS, profile="publish", rounds=1, seed=7)

    assert made.plain_cells == DEFAULT_CELLS
    assert made.cells == WITH_VARIANTS


def test_a_plan_without_a_design_declares_nothing() -> None:
    design = make(rounds=3).design

    assert (design.primary, design.comparisons) == ((), ())
    assert (design.min_rounds, design.max_rounds) == (3, 3)


def test_a_sequential_order_ends_a_cell_before_the_next_and_says_what_that_does() -> None:
    cells = WITH_VARIANTS[-3:]

    made = plan.make(cells, profile="publish", rounds=2, seed=7, ordering=plan.Ordering.SEQUENTIAL)

    assert [boot.id for boot in made.order] == [f"{cell}-r{r}" for cell in cells for r in (1, 2)]
    assert made.warnings == (plan.SEQUENTIAL,)
    assert make().warnings == ()
