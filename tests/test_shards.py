"""A run split over machines: nothing is lost, and each part can be read by itself."""

from __future__ import annotations

import pytest

from lab.design import comparisons_of
from lab.errors import UsageError
from lab.matrix import DEFAULT_CELLS, KATA, Cell, Runtime, control_of, select
from lab.options import Wishes
from lab.plan import Role
from lab.planning import plan_of
from lab.profile import STANDARD
from lab.shards import Shard, cells_of

WITH_KATA = select("*+*+*", runtimes=tuple(Runtime))


def split(count: int, cells: tuple[Cell, ...]) -> list[tuple[Cell, ...]]:
    return [cells_of(Shard(number, count), cells) for number in range(1, count + 1)]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 12])
@pytest.mark.parametrize("cells", [DEFAULT_CELLS, WITH_KATA], ids=["default", "with Kata"])
def test_every_cell_is_in_a_shard(count: int, cells: tuple[Cell, ...]) -> None:
    shards = split(count, cells)

    assert {cell for shard in shards for cell in shard} == set(cells)


def test_one_shard_is_the_whole() -> None:
    assert split(1, DEFAULT_CELLS) == [DEFAULT_CELLS]


@pytest.mark.parametrize("count", [2, 3, 7])
def test_what_a_cell_is_read_against_is_in_its_shard(count: int) -> None:
    for shard in split(count, WITH_KATA):
        for cell in shard:
            assert control_of(cell) in {None, *shard}
            if cell.runtime in KATA:
                assert Cell(cell.network, cell.storage, Runtime.REFERENCE) in shard
        for runtime in {cell.runtime for cell in shard} - {Runtime.RUNC}:
            assert any(str(cell) == f"tcfilter+virtiofs+{runtime}" for cell in shard)


@pytest.mark.parametrize("count", [2, 3, 7])
def test_together_the_shards_compare_what_the_whole_does(count: int) -> None:
    whole = set(map(str, comparisons_of(WITH_KATA)))

    parts = {str(each) for shard in split(count, WITH_KATA) for each in comparisons_of(shard)}

    assert parts == whole


def test_each_shard_has_a_twin_of_the_same_cell() -> None:
    wishes = Wishes.read({"lab_shard": "2/3"}.get)

    plan = plan_of(wishes, DEFAULT_CELLS, profile=STANDARD, seed=1, has_reference=True)

    twins = [each for each in plan.design.comparisons if each.role is Role.TWIN]
    assert [each.baseline for each in twins] == ["tcfilter+virtiofs+reference"]
    assert len(plan.cells) < len(DEFAULT_CELLS)


def test_a_test_of_the_run_that_was_named_is_in_every_shard() -> None:
    cells = select("macvtap+9p+reference+twin,*+virtiofs+reference,*+9p+reference")

    for shard in split(3, cells):
        assert Cell.parse("macvtap+9p+reference+twin") in shard
        assert Cell.parse("macvtap+9p+reference") in shard


def test_a_control_that_nobody_is_read_against_is_dealt_out() -> None:
    cells = select("veth+*+runc")

    assert split(2, cells) == [(cell,) for cell in cells]


def test_more_shards_than_there_is_to_deal_out_are_refused() -> None:
    with pytest.raises(UsageError, match="can be split into 2 at most") as caught:
        cells_of(Shard(1, 3), select("tcfilter+9p+reference,none+9p+reference"))

    assert "--shard K/2" in caught.value.remedy


@pytest.mark.parametrize("text", ["", "1", "0/3", "4/3", "1/0", "a/b", "1/2/3", "-1/2"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no part of a whole"):
        Shard.parse(text)


def test_a_part_is_written_as_it_is_read() -> None:
    assert str(Shard.parse("2/3")) == "2/3"
