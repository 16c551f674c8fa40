from __future__ import annotations

import pytest

from lab.errors import UsageError
from lab.matrix import (
    ALL_CELLS,
    CONTROL_CELLS,
    CONTROLS,
    DEFAULT_CELLS,
    KATA,
    Cell,
    Network,
    Runtime,
    Storage,
    Variant,
    cells_of,
    default_cells_of,
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


def test_all_cells_are_five_networks_by_six_storages_for_each_guest_and_two_controls() -> None:
    assert len(ALL_CELLS) == len(set(ALL_CELLS)) == 5 * 6 * 3 + 2
    assert set(DEFAULT_CELLS) < set(ALL_CELLS)
    assert {cell.runtime for cell in ALL_CELLS} == set(Runtime)


def test_a_bench_has_the_cells_of_its_runtimes() -> None:
    with_kata = default_cells_of([Runtime.RUNC, *KATA])

    assert len(with_kata) == 3 * 4 * 2 + 2
    assert with_kata[:2] == CONTROL_CELLS
    assert [str(cell) for cell in with_kata[2:5]] == [
        "tcfilter+virtiofs+kata-go",
        "tcfilter+virtiofs+kata-rs",
        "tcfilter+virtiofs-dax+kata-go",
    ]
    assert default_cells_of(CONTROLS) == DEFAULT_CELLS == select(None)
    assert cells_of(CONTROLS) == tuple(c for c in ALL_CELLS if c.runtime in CONTROLS)
    assert cells_of([]) == ()


def test_a_selection_is_made_from_what_the_bench_has() -> None:
    with_kata = (Runtime.RUNC, *KATA)

    assert select(None, runtimes=with_kata) == default_cells_of(with_kata)
    assert [str(cell) for cell in select("none+9p+*,veth+*+*", runtimes=with_kata)] == [
        "veth+overlayfs+runc",
        "veth+devmapper+runc",
        "none+9p+kata-go",
        "none+9p+kata-rs",
    ]


def test_the_controls_have_no_guest_and_come_first() -> None:
    assert ALL_CELLS[:2] == CONTROL_CELLS
    assert {cell.network for cell in CONTROL_CELLS} == {Network.VETH}
    assert {cell.storage for cell in CONTROL_CELLS} == {Storage.OVERLAYFS, Storage.DEVMAPPER}


VARIANTS = [cell.of(variant) for cell in ALL_CELLS for variant in Variant]


@pytest.mark.parametrize("cell", VARIANTS, ids=str)
def test_a_cells_name_reads_back(cell: Cell) -> None:
    assert Cell.parse(str(cell)) == cell
    assert select(str(cell), runtimes=tuple(Runtime)) == (cell,)


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
        ("none+9p+reference+twin", ["none+9p+reference+twin"]),
        ("none+9p+reference+plain", ["none+9p+reference"]),
        (
            "veth+*+runc+*, none+9p+*+twin, none+9p+*",
            [
                "veth+overlayfs+runc",
                "veth+overlayfs+runc+twin",
                "veth+overlayfs+runc+handicap",
                "veth+devmapper+runc",
                "veth+devmapper+runc+twin",
                "veth+devmapper+runc+handicap",
                "none+9p+reference",
                "none+9p+reference+twin",
            ],
        ),
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
        ("a+b+c+d+e", "'a+b+c+d+e' is not of the form", "--cells 'tcfilter+*+reference'"),
        ("none+9p+reference+twn", "unknown variant 'twn'", "did you mean 'twin'?"),
        ("tcfilter+*+runc+twin", "no cell of the matrix matches", "runc has the"),
        ("", "'' is not of the form", "--cells 'tcfilter+*+reference'"),
        ("none+9p+reference,", "'' is not of the form", "--cells 'tcfilter+*+reference'"),
        ("tcfilter+*+runc", "no cell of the matrix matches 'tcfilter+*+runc'", "runc has the"),
        ("none+9p+kata-*", "names a runtime that this topology does not have; it has runc, ref",
         "with --topology"),
        ("none+9p+reference,zone+9p+reference", "unknown network 'zone'", "did you mean 'none'?"),
    ],
)  # fmt: skip
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


def test_a_variant_is_a_cell_of_its_own_and_knows_its_combination() -> None:
    cell = Cell.parse("tcfilter+9p+reference")
    twin = cell.of(Variant.TWIN)

    assert str(twin) == "tcfilter+9p+reference+twin"
    assert twin != cell
    assert (twin.plain, cell.plain) == (cell, cell)
    assert (twin.is_plain, cell.is_plain) == (False, True)
