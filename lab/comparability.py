"""
Whether the figures of two runs may be compared: all that must be equal, and what is not.

A difference between runs of different kernels, machines or durations is no one's doing. So
everything on record that moves figures is a fact of the run's key, by name, and whoever compares
asks for the differences first. What is not on record is not equal to what is.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lab.plan import Plan
    from lab.records import Environment
    from lab.run import Run

MAY_DIFFER = frozenset({"host distribution"})
"""What is on record and does not decide: of a distribution, its kernel and its QEMU do."""
NAMED = 3
"""How many differences a refusal names."""

_FIRST = ("accelerator", "emulated", "host machine", "host cpu", "host kernel", "node kernel")
"""The facts that explain most, in this order; the others follow by group."""
_ADDRESS_FACTS = ("MTU of ",)
"""What of a boot's evidence is a condition of its figures, and not the boot's own address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What must be equal for figures to be compared: facts by name, most important first."""

    facts: Mapping[str, str]
    metrics: Mapping[str, str]
    """By name: unit and direction. They must agree where both runs have the metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One fact that two runs do not share; None is what is not on record."""

    name: str
    one: str | None
    other: str | None

    def __str__(self) -> str:
        one, other = (
            "not on record" if value is None else value for value in (self.one, self.other)
        )
        return f"{self.name}: {one} / {other}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Varying:
    """A condition that was not the same in all boots of one cell, where it must be."""

    cell: str
    name: str
    values: tuple[tuple[str, int], ...]
    """Each with the number of boots that had it; the most frequent first."""

    def __str__(self) -> str:
        values = ", ".join(f"{value} in {boots}" for value, boots in self.values)
        return f"{self.cell} varies in {self.name}: {values} of its boots"


def key(run: Run) -> Key:
    """
    What must be equal to *run*'s for another's figures to be compared with its own.

    Raises:
        UsageError: if the run ended before that was recorded.
    """
    environment = run.environment
    if environment is None:
        raise UsageError(
            f"on what {run.header.id} ran is not on record", remedy="compare a run that went on"
        )
    design = run.header.plan.design
    facts = {
        **_facts(environment),
        "profile": run.header.plan.profile,
        **{f"duration {name}": value for name, value in environment.durations.items()},
        "rules of contamination": str(design.rules),
    }
    first = {name: facts[name] for name in _FIRST if name in facts}
    return Key(
        facts=first | facts,
        metrics={
            sample.metric.name: f"{sample.metric.unit}, {sample.metric.better} is better"
            for sample in run.samples
        },
    )


def _facts(environment: Environment) -> dict[str, str]:
    return {
        "accelerator": environment.accelerator,
        "emulated": "yes" if environment.is_emulated else "no",
        **{f"host {name}": value for name, value in environment.host.items()},
        "artefacts built locally": environment.local_artefacts or "none",
        **{_version(name): value for name, value in environment.versions.items()},
        **{f"{name} image": value for name, value in environment.images.items()},
        **{f"setting {name}": value for name, value in environment.knobs.items()},
    }


def _version(name: str) -> str:
    """Kernels and processors are called as they are recorded; programs by their version."""
    return name if name.startswith("node ") else f"version of {name}"


def differences(one: Key, other: Key, *, allowed: Iterable[str] = ()) -> tuple[Difference, ...]:
    """What forbids to compare, most important first; *allowed* names what may differ besides."""
    ignored = MAY_DIFFER | set(allowed)
    names = [name for name in {**one.facts, **other.facts} if name not in ignored]
    rank = {name: place for place, name in enumerate(_FIRST)}
    names.sort(key=lambda name: rank.get(name, len(rank)))
    shared = [name for name in one.metrics if name in other.metrics]
    return tuple(
        difference
        for difference in (
            *(_difference(name, one.facts, other.facts) for name in names),
            *(_difference(f"metric {name}", one.metrics, other.metrics, name) for name in shared),
        )
        if difference.one != difference.other
    )


def differences_before(run: Run, environment: Environment, plan: Plan) -> tuple[Difference, ...]:
    """What one that is planned will not share with *run*, by what is known before it starts."""
    planned = {
        **_facts(environment),
        "profile": plan.profile,
        **{f"duration {name}": value for name, value in environment.durations.items()},
        "rules of contamination": str(plan.design.rules),
    }
    known = key(run)
    facts = {name: value for name, value in known.facts.items() if name in planned}
    return differences(Key(facts=facts, metrics={}), Key(facts=planned, metrics={}))


def _difference(
    shown: str, one: Mapping[str, str], other: Mapping[str, str], name: str = ""
) -> Difference:
    name = name or shown
    return Difference(name=shown, one=one.get(name), other=other.get(name))


def require(
    runs: Sequence[Run],
    *,
    remedy: str,
    allowed: Sequence[str] = (),
    may_differ: Sequence[str] = (),
) -> None:
    """
    Refuse *runs* whose figures must not meet.

    What *allowed* names is what a user has let differ; *may_differ* is what the purpose lets.

    Raises:
        UsageError: with the first differences by name, or if *allowed* names no fact.
    """
    first, *others = (key(run) for run in runs)
    check_names(allowed, (first, *others))
    for run, other in zip(runs[1:], others, strict=True):
        found = differences(first, other, allowed=(*allowed, *may_differ))
        if found:
            ids = f"{runs[0].header.id} and {run.header.id}"
            raise UsageError(f"{ids} must not be compared: {told(found)}", remedy=remedy)


def check_names(allowed: Iterable[str], keys: Iterable[Key]) -> None:
    """
    Refuse to let a fact differ that none of *keys* has.

    Raises:
        UsageError: with the nearest name.
    """
    known = {name for each in keys for name in each.facts}
    for name in allowed:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise UsageError(
                f"--allow: there is no fact {name!r}",
                remedy=f"{hint}names are as refusals say them",
            )


def told(found: Sequence[Difference]) -> str:
    """The first of some differences, and how many more there are."""
    lines = [str(difference) for difference in found[:NAMED]]
    rest = len(found) - NAMED
    return "; ".join(lines) + (f"; and {rest} more" if rest > 0 else "")


def varying(run: Run) -> tuple[Varying, ...]:
    """
    What was not the same in all boots of a cell: two kernels, two segment sizes.

    Such a cell is two cells under one name: its mean is of neither.
    """
    seen: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for cell, boot, name, value in _conditions(run):
        seen[cell, name][value].add(boot)
    return tuple(
        Varying(
            cell=cell,
            name=name,
            values=tuple(
                sorted(
                    ((value, len(boots)) for value, boots in values.items()),
                    key=lambda each: (-each[1], each[0]),
                )
            ),
        )
        for (cell, name), values in seen.items()
        if len(values) > 1
    )


def _conditions(run: Run) -> Iterator[tuple[str, str, str, str]]:
    """Cell, boot, name and value of all that is on record of a boot's conditions."""
    for sample in run.valid_samples:
        for name, value in sample.conditions.items():
            yield sample.cell, sample.boot, name, value
    for boot in run.order:
        for evidence in run.evidence.get(boot.id, ()):
            for fact in evidence.facts:
                if fact.subject.startswith(_ADDRESS_FACTS):
                    yield boot.cell_name, boot.id, fact.subject, fact.observed
