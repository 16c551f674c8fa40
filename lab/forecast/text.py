"""A forecast in lines for people."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from lab.forecast.noise import ASSUMED_SD
from lab.forecast.source import Source
from lab.units import Unit, count, format_duration, format_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.forecast.outlook import Forecast, MetricReach, Reach

TOLD = {
    Source.MEASURED: "measured in earlier runs",
    Source.SIMILAR: "as other cells were in earlier runs",
    Source.ASSUMED: "assumed: nothing of it was measured here",
}
"""Of times."""
NOISE = {
    Source.SIMILAR: "others: of this comparison no noise is known; that of all cells stands for it",
    Source.ASSUMED: "assumed: no noise is known; boots that vary by"
    f" {100 * ASSUMED_SD:.0f} % stand for it, and real ones may vary by several times that",
}
WIDTH = 80
MINUTE_S = 60
_COLUMNS = "  {:<22} {:>8} {:<8} {:>8} {:>9}  {}"


def render(forecast: Forecast) -> str:
    """Write *forecast* as text, what would be run first."""
    parts = (_what, _order, _doubts, _time, _memory, _reach)
    blocks = ["\n".join(chain.from_iterable(map(_wrapped, part(forecast)))) for part in parts]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _wrapped(line: str) -> list[str]:
    """*line* as it fits into the terminal; what goes on stands further in than it began."""
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(
        line, WIDTH, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )


def as_json(forecast: Forecast) -> str:
    """Write all of *forecast* for programs."""
    return msgspec.json.format(msgspec.json.encode(forecast), indent=1).decode() + "\n"


def _what(forecast: Forecast) -> Iterator[str]:
    plan = forecast.plan
    design = plan.design
    if forecast.rounds < design.min_rounds:
        rounds = f"{count(forecast.rounds, 'round')}, for which there is time,"
    else:
        rounds = count(design.min_rounds, "round")
        if plan.rounds > design.min_rounds:
            rounds += f", {plan.rounds} at most,"
    yield f"{plan.profile}: {rounds} of {count(len(plan.cell_names), 'cell')}, seed {plan.seed}"
    yield forecast.machine
    yield from map(str, plan.added)
    yield from plan.warnings


def _order(forecast: Forecast) -> Iterator[str]:
    taken = {cost.cell: cost.seconds for cost in forecast.costs}
    yield f"order, {forecast.plan.ordering}; of the first round:"
    for boot in forecast.plan.order:
        if boot.round == 1:
            name = boot.cell_name
            yield f"  {boot.position:>3}  {name:<42} {format_duration(taken[name]):>12}"
    if forecast.plan.rounds > 1:
        yield "  each further round has the same cells in an order of its own (--json has all)"


def _doubts(forecast: Forecast) -> Iterator[str]:
    if forecast.doubts:
        yield "not expected to work:"
        yield from (f"  {doubt.cell}: {doubt.reason}" for doubt in forecast.doubts)


def _time(forecast: Forecast) -> Iterator[str]:
    told = f"time: about {_minutes(forecast.total_s)} for {count(forecast.rounds, 'round')}"
    if forecast.plan.rounds > forecast.rounds:
        told += f", {_minutes(forecast.most_s)} for all {forecast.plan.rounds}"
    yield f"{told}; a round takes {_minutes(forecast.round_s)}"
    yield from _budget(forecast)
    counted = Counter(cost.source for cost in forecast.costs)
    for source in Source:
        if counted[source]:
            yield f"  {count(counted[source], 'cell')}: {TOLD[source]}"
    if forecast.runs:
        yield f"  earlier runs: {', '.join(forecast.runs)}"


def _budget(forecast: Forecast) -> Iterator[str]:
    design = forecast.plan.design
    if design.budget_s is None:
        return
    told = f"  the budget of {_minutes(design.budget_s)}"
    if design.min_rounds == design.max_rounds:
        yield f"{told} adds no round: --rounds or --order fixes them"
    elif forecast.rounds < design.min_rounds:
        missing_s = forecast.total_s + (design.min_rounds - forecast.rounds) * forecast.round_s
        enough = math.ceil(missing_s / MINUTE_S)
        yield (
            f"{told} ends before the {count(design.min_rounds, 'round')} that claims take:"
            f" --budget {enough}m has room for them, or take fewer cells"
        )
    elif forecast.rounds < forecast.plan.rounds:
        yield f"{told} is enough for them: more rounds are begun only if results are imprecise"
    else:
        yield f"{told} is enough for all"


def _memory(forecast: Forecast) -> Iterator[str]:
    memory = forecast.memory
    if memory is None:
        return
    is_enough = memory.wanted_mib <= memory.available_mib
    yield (
        f"memory: {memory.wanted_mib} MiB for the topology, {memory.available_mib} MiB are"
        f" available{'' if is_enough else ': it would be refused'}"
    )
    if memory.sandbox_bytes is not None:
        took = format_value(memory.sandbox_bytes, Unit.BYTE)
        yield f"  a sandbox takes {took} at most: {memory.cell}, in earlier runs"


def _reach(forecast: Forecast) -> Iterator[str]:
    if not forecast.metrics:
        yield from _nothing_judged(forecast)
        return
    least = forecast.plan.design.min_rounds
    yield (
        f"the smallest change that {count(least, 'round')} would find, in four of five such runs,"
        f" among {forecast.comparisons} comparisons:"
    )
    wanted = f"±{_percent(forecast.precision)} in"
    yield _COLUMNS.format("metric", "noise", "", "change", wanted, "").rstrip()
    for metric in forecast.metrics:
        yield from _of_metric(metric)
    sources = {reach.source for each in forecast.metrics for reach in (each.typical, each.worst)}
    yield from (f"  {told}" for source, told in NOISE.items() if source in sources)


def _nothing_judged(forecast: Forecast) -> Iterator[str]:
    """Why nothing is: no two cells, none that will work, or a run that only tests itself."""
    design = forecast.plan.design
    if not design.comparisons:
        yield "nothing is compared: there are no two cells that would be"
    elif design.judged:
        yield "nothing is compared: of each two cells that would be, one is not expected to work"
    else:
        yield "only the run itself is tested:"
        yield from (f"  {each.cell} against {each.baseline}" for each in design.comparisons)


def _of_metric(metric: MetricReach) -> Iterator[str]:
    yield _line(metric.metric, metric.typical)
    if metric.worst.spread > metric.typical.spread:
        yield _line("  at worst", metric.worst, told=metric.worst.comparison)


def _line(name: str, reach: Reach, *, told: str = "") -> str:
    change = "none" if reach.detectable is None else _percent(reach.detectable)
    rounds = "over 1000" if reach.rounds_wanted is None else count(reach.rounds_wanted, "round")
    source = "" if reach.source is Source.MEASURED else reach.source.value
    noise = f"±{_percent(reach.spread)}"
    return _COLUMNS.format(name, noise, source, change, rounds, told).rstrip()


def _percent(part: float) -> str:
    return f"{100 * part:.2g} %"


def _minutes(seconds: float) -> str:
    return f"{seconds / MINUTE_S:.0f} min" if seconds >= MINUTE_S else f"{seconds:.0f} s"
