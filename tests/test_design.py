from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from lab.design import PRIMARY, baseline_of, comparisons_of
from lab.matrix import DEFAULT_CELLS, Cell, Runtime, Variant, select
from lab.plan import Role
from lab.sample import Metric

SCENARIOS = Path(__file__).parents[1] / "scenarios"


def cells(*names: str) -> tuple[Cell, ...]:
    return tuple(map(Cell.parse, names))


def told(names: tuple[Cell, ...], *, added: tuple[Cell, ...] = ()) -> list[str]:
    return [
        f"{each.cell} / {each.baseline}: {each.role}" for each in comparisons_of(names, added=added)
    ]


def recorded_metrics() -> set[str]:
    """The names of all metrics that a scenario can record."""
    modules = [
        importlib.import_module(".".join(path.relative_to(SCENARIOS.parent).with_suffix("").parts))
        for path in SCENARIOS.glob("*/test_*.py")
    ]
    return {
        value.name
        for module in modules
        for value in vars(module).values()
        if isinstance(value, Metric)
    }


def test_every_primary_metric_is_one_that_a_scenario_records() -> None:
    assert len(PRIMARY) == len(set(PRIMARY)) == 6
    assert set(PRIMARY) <= recorded_metrics()


@pytest.mark.parametrize(
    ("names", "baseline"),
    [
        (["none+9p+reference", "tcfilter+virtiofs+reference"], "tcfilter+virtiofs+reference"),
        (["none+9p+reference", "macvtap+9p+reference"], "none+9p+reference"),
        (["none+9p+reference+twin", "macvtap+9p+reference"], "macvtap+9p+reference"),
        (["tcfilter+virtiofs+kata-go"], None),
    ],
)
def test_the_baseline_of_a_runtime_is_katas_default_or_the_first(
    names: list[str], baseline: str | None
) -> None:
    found = baseline_of(Runtime.REFERENCE, cells(*names))

    assert found == (Cell.parse(baseline) if baseline else None)


def test_each_role_has_its_pairs() -> None:
    every = cells(
        "veth+overlayfs+runc",
        "veth+devmapper+runc",
        "tcfilter+virtiofs+reference",
        "tcfilter+virtiofs+kata-go",
        "tcfilter+virtiofs+kata-go+twin",
        "tcfilter+virtiofs+kata-go+handicap",
        "macvtap+devmapper+kata-go",
    )

    assert told(every) == [
        "macvtap+devmapper+kata-go / tcfilter+virtiofs+kata-go: baseline",
        "tcfilter+virtiofs+reference / veth+overlayfs+runc: control",
        "tcfilter+virtiofs+kata-go / veth+overlayfs+runc: control",
        "macvtap+devmapper+kata-go / veth+devmapper+runc: control",
        "tcfilter+virtiofs+kata-go / tcfilter+virtiofs+reference: reference",
        "tcfilter+virtiofs+kata-go+twin / tcfilter+virtiofs+kata-go: twin",
        "tcfilter+virtiofs+kata-go+handicap / tcfilter+virtiofs+kata-go: handicap",
    ]


def test_the_gate_judges_no_cell_that_is_there_for_others() -> None:
    kata = cells("tcfilter+virtiofs+kata-go", "macvtap+9p+kata-go")
    reference = cells("tcfilter+virtiofs+reference", "macvtap+9p+reference")

    gate = [line for line in told(kata + reference, added=reference) if line.endswith("baseline")]

    assert gate == ["macvtap+9p+kata-go / tcfilter+virtiofs+kata-go: baseline"]


def test_the_default_matrix_has_a_gate_of_eleven_pairs() -> None:
    roles = [each.role for each in comparisons_of(DEFAULT_CELLS)]

    assert roles.count(Role.BASELINE) == 11
    assert roles.count(Role.CONTROL) == 12
    assert len(roles) == 23


def test_what_is_compared_is_in_the_plan() -> None:
    every = tuple(
        cell.of(variant) for cell in select("*+*+*", runtimes=tuple(Runtime)) for variant in Variant
    )

    for part in (every, every[::2], every[::3], every[1::7]):
        names = set(map(str, part))
        pairs = [(each.cell, each.baseline) for each in comparisons_of(part)]
        assert {name for pair in pairs for name in pair} <= names
        assert len(pairs) == len(set(pairs)), "one comparison, one role"
        assert all(cell != baseline for cell, baseline in pairs)
