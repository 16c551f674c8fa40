"""A cell against each of its baselines, on one metric: what the matrix and the plots say of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.matrix import control_of
from lab.plan import Role
from lab.sample import Better
from lab.stats.verdict import Verdict
from lab.units import format_multiple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lab.analysis.result import Analysis, MetricEffect
    from lab.matrix import Cell
    from lab.plan import Design
    from lab.stats.effect import Effect

SHADES = ((0.97, "even"), (0.67, "1"), (0.33, "2"), (0.1, "3"), (0.0, "4"))
"""How far from the baseline, by how many times worse: the lower bound of each shade."""
ROLES = (Role.CONTROL, Role.REFERENCE, Role.BASELINE)
"""What a reader may choose to compare with."""
BASELINES = {
    Role.CONTROL: "runc, no guest",
    Role.REFERENCE: "reference, no Kata",
    Role.BASELINE: "the runtime's baseline",
}
SIGNS = {
    Verdict.BETTER: "▲",
    Verdict.WORSE: "▼",
    Verdict.EQUIVALENT: "≈",
    Verdict.INCONCLUSIVE: "?",
    Verdict.UNKNOWN: "?",
}
WORDS = {Verdict.UNKNOWN: "not judged"}
"""Of verdicts that are called otherwise in the matrix: a ratio is there, and no claim."""
WIDTH = 120
"""Of the picture of an interval."""
LEAST_SPAN = 1.5
"""Its axis spans at least this factor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A cell against one baseline: a point estimate, and a verdict where there is one."""

    role: Role
    baseline: str
    value: float
    text: str
    interval: str
    """Empty where the data allow none."""
    verdict: Verdict
    shade: str
    """By the point estimate: ``even``, or ``better-1`` to ``worse-4``."""
    bar: tuple[int, int, int, int] | None = None
    """Where low, ratio, high and equality lie in a picture :data:`WIDTH` wide."""

    is_itself: bool = False
    """Whether this is the baseline: there is nothing to compare."""

    @property
    def sign(self) -> str:
        """A mark that needs no colour."""
        return "" if self.is_itself else SIGNS[self.verdict]

    @property
    def word(self) -> str:
        """What the mark means."""
        return "" if self.is_itself else WORDS.get(self.verdict, self.verdict.value)

    @property
    def packed(self) -> str:
        """What the script draws another baseline from, by its initial; words it makes itself."""
        bar = " ".join(map(str, self.bar)) if self.bar else ""
        value = "" if self.is_itself else f"{self.value:.4g}"
        ends = self.interval.replace(" to ", " ")
        shade = "" if self.role is Role.CONTROL else self.shade  # it is the row's own look
        return "|".join((self.role[0], value, ends, self.sign, shade, bar))


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was declared, and what the analysis says of it."""

    baselines: Mapping[tuple[str, Role], str]
    """By cell and role."""
    effects: Mapping[tuple[str, Role, str], MetricEffect]
    """By cell, role and metric."""
    bases: frozenset[tuple[str, Role]]
    """Each baseline with its role."""

    @classmethod
    def of(cls, design: Design, analysis: Analysis) -> Known:
        """Sort what *analysis* says."""
        return cls(
            baselines={(each.cell, each.role): each.baseline for each in design.comparisons},
            effects={(each.cell, each.role, each.metric): each for each in analysis.effects},
            bases=frozenset((each.baseline, each.role) for each in design.comparisons),
        )

    def is_baseline(self, cell: str, role: Role) -> bool:
        """Whether cells stand against *cell* in *role*; of a control it is plain, and not said."""
        return role is not Role.CONTROL and (cell, role) in self.bases

    def baseline(self, cell: Cell, role: Role) -> str:
        """What *cell* stands against in *role*; a control is known without being declared."""
        declared = self.baselines.get((str(cell), role), "")
        if role is Role.CONTROL and not declared:
            return str(control_of(cell) or "")
        return declared


def ratio(
    effect: Effect | None, point: float | None, *, role: Role, baseline: str, better: Better
) -> Ratio | None:
    """The ratio of *effect*, or the *point* estimate where it has none."""
    value = effect.ratio if effect and effect.ratio is not None else point
    if value is None:
        return None
    low, high = (effect.low, effect.high) if effect else (None, None)
    return Ratio(
        role=role,
        baseline=baseline,
        value=value,
        text=format_multiple(value),
        interval="" if low is None or high is None else interval(low, high),
        verdict=effect.verdict if effect else Verdict.UNKNOWN,
        shade=shade(value, better),
    )


def itself(cell: str, role: Role) -> Ratio:
    """A baseline against itself."""
    return Ratio(
        role=role,
        baseline=cell,
        value=1.0,
        text="the baseline",
        interval="",
        verdict=Verdict.UNKNOWN,
        shade="",
        is_itself=True,
    )


def bars(effects: Mapping[str, Effect]) -> dict[str, tuple[int, int, int, int]]:
    """Where the intervals of one metric and one role lie, all on one axis that holds 1."""
    known = {
        cell: (each.low, each.ratio, each.high)
        for cell, each in effects.items()
        if each.low is not None and each.ratio is not None and each.high is not None
    }
    ends = [0.0, *(math.log(end) for low, _, high in known.values() for end in (low, high))]
    axis = Span.around(ends)
    one = axis.place(0.0)
    return {
        cell: (axis.place(math.log(low)), axis.place(math.log(at)), axis.place(math.log(high)), one)
        for cell, (low, at, high) in known.items()
    }


@dataclass(frozen=True, slots=True)
class Span:
    """A logarithmic axis for ratios."""

    low: float
    high: float
    width: int = WIDTH
    inset: int = 4

    @classmethod
    def around(cls, logs: Sequence[float], *, width: int = WIDTH) -> Span:
        """The axis that holds all *logs*, and is not so narrow that noise looks like a finding."""
        low, high = min(logs), max(logs)
        lacking = max(0.0, math.log(LEAST_SPAN) - (high - low)) / 2
        return cls(low - lacking, high + lacking, width)

    def place(self, log: float) -> int:
        """Where a logarithm lies, from the left."""
        inside = self.width - 2 * self.inset
        return round(self.inset + (log - self.low) / (self.high - self.low) * inside)


def interval(low: float, high: float) -> str:
    """Both ends of an interval of ratios."""
    return f"{format_multiple(low)[:-1]} to {format_multiple(high)[:-1]}"


def shade(value: float, better: Better) -> str:
    """How far *value* is from 1, for a colour."""
    goodness = value if better is Better.HIGHER else 1 / value
    closeness = min(goodness, 1 / goodness)
    step = next(name for bound, name in SHADES if closeness >= bound)
    return step if step == "even" else f"{'better' if goodness > 1 else 'worse'}-{step}"


def choose(roles: Iterable[tuple[Role, bool]]) -> Role:
    """What to compare with first, of roles and whether they have an interval: the gate's."""
    known = dict(roles)
    if known.get(Role.BASELINE) or (Role.BASELINE in known and Role.CONTROL not in known):
        return Role.BASELINE
    return Role.CONTROL if Role.CONTROL in known or not known else next(iter(known))


def geometric_mean(ratios: Iterable[Ratio | None]) -> str:
    """Of a row or a column of the matrix; empty unless all of it is there."""
    values = [each.value if each else 0.0 for each in ratios]
    if not values or not all(values):
        return ""
    return format_multiple(math.exp(math.fsum(map(math.log, values)) / len(values)))
