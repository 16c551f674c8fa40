from __future__ import annotations

import pytest

from lab.errors import UsageError
from lab.matrix import (
    ALL_CELLS,
    CONTROL_CELLS,
    DEFAULT_CELLS,
    Cell,
    Network,
    Runtime,
    Storage,
    select,
)


def names(expression: str | None) -> list[str]:
    return [str(cell) for cell in select(expression)]


def test_the_default_matrix_is_three_networks_by_four_storages_and_two_controls() -> None:
    assert names(None) == [
        "veth+overlayfs+runc",
        "veth+devmapper+runc",
        "tcfilter+virtiofs+reference",
        "tcfilter+virtiofs-dax+reference",
        "tcfilter+9p+reference",
        "tcfilter+devmapper+reference",
        "macvtap+virtiofs+reference",
        "macvtap+virtiofs-dax+reference",
        "macvtap+9p+reference",
        "macvtap+devmapper+reference",
        "none+virtiofs+reference",
        "none+virtiofs-dax+reference",
        "none+9p+reference",
        "none+devmapper+reference",
    ]


def test_all_cells_are_five_networks_by_six_storages_and_two_controls() -> None:
    assert len(ALL_CELLS) == len(set(ALL_CELLS)) == 5 * 6 + 2
    assert set(DEFAULT_CELLS) < set(ALL_CELLS)
    assert {cell.runtime for cell in ALL_CELLS} == set(Runtime)


def test_the_controls_have_no_guest_and_come_first() -> None:
    assert ALL_CELLS[:2] == CONTROL_CELLS
    assert {cell.network for cell in CONTROL_CELLS} == {Network.VETH}
    assert {cell.storage for cell in CONTROL_CELLS} == {Storage.OVERLAYFS, Storage.DEVMAPPER}


@pytest.mark.parametrize("cell", ALL_CELLS, ids=str)
def test_a_cells_name_reads_back(cell: Cell) -> None:
    assert Cell.parse(str(cell)) == cell
    assert select(str(cell)) == (cell,)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (
            "macvtap+*+*",
            [
                f"macvtap+{s}+reference"
                for s in "virtiofs virtiofs-dax 9p devmapper devmapper-blk pmem-dax".split()
            ],
        ),
        (
            "*+*-dax+reference",
            [
                f"{network}+{storage}+reference"
                for network in "tcfilter macvtap none bridge l3forwarding".split()
                for storage in ("virtiofs-dax", "pmem-dax")
            ],
        ),
        (
            "bridge+9p+reference, veth+*+runc",
            ["veth+overlayfs+runc", "veth+devmapper+runc", "bridge+9p+reference"],
        ),
        ("none+9p+*,none+9p+reference", ["none+9p+reference"]),
        ("*+devmapper+runc", ["veth+devmapper+runc"]),
        ("n?ne+[9]p+*", ["none+9p+reference"]),
    ],
)
def test_patterns_choose_in_the_order_of_the_matrix(expression: str, expected: list[str]) -> None:
    assert names(expression) == expected


@pytest.mark.parametrize(
    ("expression", "problem", "remedy"),
    [
        ("tcfiltre+virtiofs+reference", "unknown network 'tcfiltre'", "did you mean 'tcfilter'?"),
        ("tcfilter+virtio-fs+reference", "unknown storage 'virtio-fs'", "mean 'virtiofs'?"),
        ("tcfilter+9p+refrence", "unknown runtime 'refrence'", "did you mean 'reference'?"),
        ("tcfilter+zzz+reference", "unknown storage 'zzz'", "known: virtiofs, virtiofs-dax, 9p"),
        ("Tcfilter+9p+reference", "unknown network 'Tcfilter'", "did you mean 'tcfilter'?"),
        ("tcfilter", "'tcfilter' is not of the form", "--cells 'tcfilter+*+reference'"),
        ("a+b+c+d", "'a+b+c+d' is not of the form", "--cells 'tcfilter+*+reference'"),
        ("", "'' is not of the form", "--cells 'tcfilter+*+reference'"),
        ("none+9p+reference,", "'' is not of the form", "--cells 'tcfilter+*+reference'"),
        ("tcfilter+*+runc", "no cell of the matrix matches 'tcfilter+*+runc'", "runc has the"),
        ("none+9p+reference,zone+9p+reference", "unknown network 'zone'", "did you mean 'none'?"),
    ],
)
def test_a_wrong_pattern_is_named_with_what_was_meant(
    expression: str, problem: str, remedy: str
) -> None:
    with pytest.raises(UsageError) as caught:
        select(expression)

    assert problem in caught.value.problem
    assert remedy in caught.value.remedy


def test_an_unknown_cell_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown cell 'none\+9p\+runc'") as caught:
        Cell.parse("none+9p+runc")

    assert "did you mean 'none+9p+reference'?" in caught.value.remedy
