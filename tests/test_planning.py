from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lab.contamination import RULES_VERSION
from lab.design import HELD, PRIMARY
from lab.errors import UsageError
from lab.matrix import DEFAULT_CELLS, select
from lab.options import Wishes
from lab.plan import Ordering, Plan, Role
from lab.planning import plan_of
from lab.profile import PROFILES


def planned(profile: str = "standard", cells: str | None = None, **wished: Any) -> Plan:  # noqa: ANN401 - the fields of Wishes
    wishes = replace(Wishes.read(lambda _name: None), **wished)
    return plan_of(wishes, select(cells), profile=PROFILES[profile], seed=7, has_reference=True)


@pytest.mark.parametrize(
    ("profile", "wished", "least", "most"),
    [
        ("smoke", {}, 1, 1),
        ("standard", {}, 5, 5),
        ("publish", {}, 10, 20),
        # A number is meant as it is said.
        ("publish", {"rounds": 12}, 12, 12),
        ("publish", {"rounds": 12, "budget_s": 60.0}, 12, 12),
        # Time that is given is used while it makes results more precise.
        ("standard", {"budget_s": 7200.0}, 5, 20),
        ("publish", {"budget_s": 7200.0}, 10, 20),
        ("smoke", {"budget_s": 7200.0}, 5, 20),
        ("publish", {"order": Ordering.SEQUENTIAL}, 10, 10),
    ],
)
def test_rounds_are_fixed_or_added_while_results_are_not_precise(
    profile: str, wished: dict[str, Any], least: int, most: int
) -> None:
    plan = planned(profile, **wished)

    assert (plan.design.min_rounds, plan.design.max_rounds, plan.rounds) == (least, most, most)
    assert plan.design.budget_s == wished.get("budget_s")
    assert len(plan.order) == most * len(plan.cells)


def test_a_plan_declares_what_it_will_be_judged_by() -> None:
    design = planned("publish").design

    assert design.primary == PRIMARY
    assert (design.alpha, design.margin, design.exploratory_q) == (0.05, 0.03, 0.10)
    assert (design.precision, design.step, design.rules) == (0.03, 2, RULES_VERSION)
    assert {each.role for each in design.comparisons} == {
        Role.BASELINE, Role.CONTROL, Role.TWIN, Role.HANDICAP,
    }  # fmt: skip


def test_what_a_handicap_is_held_in_is_declared() -> None:
    assert planned("publish").design.held == HELD
    assert planned("publish", "none+9p+reference").design.held == HELD[1:]
    assert planned("standard").design.held == ()


def test_controls_that_joined_are_judged_by_nobody() -> None:
    plan = planned(cells="none+9p+reference,macvtap+9p+reference")

    gate = [each.cell for each in plan.design.comparisons if each.role is Role.BASELINE]
    assert gate == ["none+9p+reference"]
    assert [each.cell_name for each in plan.added] == [
        "veth+overlayfs+runc",
        "macvtap+9p+reference+twin",
    ]


def test_smoke_plans_what_was_named_and_nothing_else() -> None:
    assert planned("smoke").cells == DEFAULT_CELLS
    assert planned("smoke").added == ()
    assert planned("smoke", cells="none+9p+reference").cells == select("none+9p+reference")


def test_a_sequential_order_has_no_rounds_to_leave_out() -> None:
    with pytest.raises(UsageError, match="--budget: what is left out are whole rounds"):
        planned(order=Ordering.SEQUENTIAL, budget_s=60.0)
