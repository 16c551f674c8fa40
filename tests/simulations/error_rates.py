"""S1 and S2: how often equal cells are told apart, and how often the truth is in the interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.stats.effect import ALPHA
from tests.simulations.campaigns import covers, effects, is_significant, known
from tests.simulations.noise import MODELS
from tests.simulations.section import Check, Section, band, generator, percent, share

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.simulations.noise import Model

BOOTS = (5, 8, 10, 20)
RATIOS = (0.8, 0.95, 1.0, 1.1, 1.5)
LEAST = 0.02
"""What is accepted of noise that lies in the t test's way."""
WAYS = {"paired by round": True, "unpaired": False}
"""And whether equal numbers of rounds are one round."""


def false_alarms(
    *, repeats: int = 10_000, models: Sequence[Model] = MODELS, boots: Sequence[int] = BOOTS
) -> Section:
    """S1: two equal cells, under each kind of noise."""
    low, high = band(ALPHA, repeats)
    rows, checks = [], []
    for way, same_rounds in WAYS.items():
        for model in models:
            rates = []
            for count in boots:
                sides = model.make(generator("S1", way, model.name, count), repeats, count)
                found = known(effects(sides, same_rounds=same_rounds))
                rate = share(list(map(is_significant, found)))
                floor = _floor(model, way, low)
                name = f"{model.name}, {way}, {count} boots"
                checks.append(Check(name=name, value=rate, low=floor, high=high))
                rates.append(_marked(rate, low))
            rows.append((way, model.name, *rates))
    return Section(
        goal="S1",
        title="Two equal cells are told apart",
        text=(
            f"{repeats} campaigns a figure, alpha {percent(ALPHA, 0)}. Accepted: {percent(low)} to"
            f" {percent(high)}. A figure with ° is below: fewer false alarms than allowed, and less"
            " power. That is known of the t interval where single boots lie far out or in a mode of"
            " their own, more so where boots are not paired: paired, such noise must give"
            f" {percent(LEAST, 0)} at least; unpaired, what is not normal has an upper end only."
        ),
        header=("rounds", "noise", *(f"{count} boots" for count in boots)),
        rows=tuple(rows),
        checks=tuple(checks),
    )


def coverage(
    *,
    repeats: int = 2000,
    models: Sequence[Model] = MODELS,
    boots: Sequence[int] = BOOTS,
    ratios: Sequence[float] = RATIOS,
) -> Section:
    """S2: the interval and the true ratio."""
    low, high = band(1 - ALPHA, repeats)
    rows, checks = [], []
    for way, same_rounds in WAYS.items():
        for model in models:
            for ratio in ratios:
                rates = []
                for count in boots:
                    random = generator("S2", way, model.name, ratio, count)
                    sides = model.make(random, repeats, count)
                    found = known(effects(sides, ratio=ratio, same_rounds=same_rounds))
                    rate = share([covers(effect, ratio) for effect in found])
                    rates.append(rate)
                    name = f"{model.name}, {way}, ratio {ratio}, {count} boots"
                    ceiling = 1.0 if _may_find_less(model, way) else high
                    checks.append(Check(name=name, value=rate, low=low, high=ceiling))
                rows.append((way, model.name, ratio, rates))
    return Section(
        goal="S2",
        title="The interval holds the true ratio",
        text=(
            f"{repeats} campaigns for each of the ratios {', '.join(map(str, ratios))}; the table"
            " has the lowest and the highest share over these. Accepted:"
            f" {percent(low)} to {percent(high)}; more where S1 is below its band."
        ),
        header=("rounds", "noise", *(f"{count} boots" for count in boots)),
        rows=tuple(_ranges(rows)),
        checks=tuple(checks),
    )


def _floor(model: Model, way: str, low: float) -> float:
    if way == "unpaired" and not model.is_plain:
        return 0.0
    return min(low, LEAST) if model.is_cautious else low


def _may_find_less(model: Model, way: str) -> bool:
    return model.is_cautious or (way == "unpaired" and not model.is_plain)


def _marked(rate: float, low: float) -> str:
    return f"{percent(rate)}{'' if rate >= low else ' °'}"


def _ranges(rows: Sequence[tuple[str, str, float, list[float]]]) -> Iterator[tuple[str, ...]]:
    """One row for each way and noise: the range over the ratios."""
    together: dict[tuple[str, str], list[list[float]]] = {}
    for way, name, _, rates in rows:
        together.setdefault((way, name), []).append(rates)
    for (way, name), table in together.items():
        columns = zip(*table, strict=True)
        yield way, name, *(f"{100 * min(c):.1f} to {percent(max(c))}" for c in columns)
