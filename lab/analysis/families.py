"""Which effects are looked at together, and what each counts for after that."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from lab.analysis.result import Control, ControlStatus, Correction, Family, Mark
from lab.plan import Role
from lab.stats.multiplicity import benjamini_hochberg, holm
from lab.stats.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lab.analysis.result import MetricEffect
    from lab.plan import Design

GATES = {Role.BASELINE: "gate", Role.TWIN: "twin", Role.HANDICAP: "handicap"}
"""
The roles that decide something by the primary metrics, and what their families are called.

Each is a family of its own: the twin's chance of a false alarm is not the gate's. Whatever else a
role says is explored, again for itself: the differences to a control without a guest are so many
and so large that among them a false one of another role would pass unseen.
"""


def family_of(role: Role, *, is_primary: bool) -> str:
    """The name of the family that an effect belongs to."""
    if is_primary and role in GATES:
        return GATES[role]
    return f"explored: {role}"


def adjusted(
    effects: Sequence[MetricEffect], *, alpha: float, q: float
) -> tuple[tuple[MetricEffect, ...], tuple[Family, ...]]:
    """
    Adjust each family's p values, and mark the differences that are left.

    *alpha* is for what decides something, *q* for what is explored.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for place, each in enumerate(effects):
        members[each.family].append(place)
    result = list(effects)
    families = []
    for name, places in members.items():
        known = [(place, p) for place in places if (p := effects[place].effect.p) is not None]
        family = _family(name, len(known), alpha=alpha, q=q)
        correct = holm if family.correction is Correction.HOLM else benjamini_hochberg
        p_values = correct([p for _, p in known])
        for (place, _), p in zip(known, p_values, strict=True):
            result[place] = _marked(effects[place], p, family)
        families.append(family)
    return tuple(result), tuple(families)


def twin(effects: Iterable[MetricEffect], design: Design) -> Control:
    """What the run's own false alarm test says."""
    return _control(
        effects,
        design,
        role=Role.TWIN,
        looked_for={Verdict.BETTER, Verdict.WORSE},
        some=ControlStatus.SUSPECT,
        none=ControlStatus.OK,
    )


def handicap(effects: Iterable[MetricEffect], design: Design) -> Control:
    """What the run's own test of power says."""
    return _control(
        effects,
        design,
        role=Role.HANDICAP,
        looked_for={Verdict.WORSE},
        some=ControlStatus.FOUND,
        none=ControlStatus.MISSED,
    )


def _family(name: str, size: int, *, alpha: float, q: float) -> Family:
    is_gate = name in GATES.values()
    return Family(
        name=name,
        correction=Correction.HOLM if is_gate else Correction.BENJAMINI_HOCHBERG,
        size=size,
        level=alpha if is_gate else q,
    )


def _marked(effect: MetricEffect, p: float, family: Family) -> MetricEffect:
    is_left = effect.effect.verdict.is_difference and p <= family.level
    mark = Mark.GATE if family.correction is Correction.HOLM else Mark.EXPLORATORY
    return msgspec.structs.replace(effect, p_adjusted=p, mark=mark if is_left else Mark.NONE)


def _control(
    effects: Iterable[MetricEffect],
    design: Design,
    *,
    role: Role,
    looked_for: set[Verdict],
    some: ControlStatus,
    none: ControlStatus,
) -> Control:
    if not any(comparison.role is role for comparison in design.comparisons):
        return Control(status=ControlStatus.ABSENT)
    mine = [each for each in effects if each.role is role and each.is_primary]
    unknown = [each.metric for each in mine if each.effect.verdict is Verdict.UNKNOWN]
    differing = [
        each.metric for each in mine if each.mark is Mark.GATE and each.effect.verdict in looked_for
    ]
    status = none if len(unknown) < len(mine) else ControlStatus.UNKNOWN
    return Control(
        status=some if differing else status, differing=tuple(differing), unknown=tuple(unknown)
    )
