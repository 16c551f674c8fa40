"""S4 and the run's own controls: whole runs, through the whole analysis."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from lab.analysis import ControlStatus, Mark, analyse
from lab.matrix import ALL_CELLS, Cell, Runtime, Variant
from lab.plan import Comparison, Role
from lab.sample import Better, Metric
from lab.units import Unit
from tests.campaigns import campaign
from tests.simulations.section import Check, Section, band, generator, percent, share

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from numpy.random import Generator

    from lab.analysis import Analysis
    from lab.run import Run

ALPHA, Q = 0.05, 0.10
ROUNDS = 8
CV = 0.04
METRICS = tuple(
    Metric(f"metric_{number}", Unit.BYTE_PER_SECOND, better, f"metric {number}")
    for number, better in enumerate((Better.HIGHER, Better.LOWER) * 5)
)
FAMILIES = {12: (3, 6), 25: (6, 5), 240: (41, 6)}
"""By the gate's number of comparisons: cells, of which one is the baseline, and primary metrics."""
RUNS = {12: 2000, 25: 2000, 240: 1000}


def gates(*, runs: Mapping[int, int] = RUNS) -> Section:
    """S4: runs of equal cells, whose metrics hang together within a cell."""
    rows, checks = [], []
    for size, repeats in runs.items():
        cells, metrics = FAMILIES[size]
        random = generator("S4", size)
        analyses = [
            analyse(run) for run in _runs(random, _empty(cells, METRICS[:metrics]), repeats)
        ]
        raw = share([_has(each, adjusted=False) for each in analyses])
        holm = share([_has(each, adjusted=True) for each in analyses])
        marked = share([_has_mark(each, Mark.GATE) for each in analyses])
        _, high = band(ALPHA, repeats)
        checks.append(Check(name=f"Holm, {size} comparisons", value=holm, high=high))
        rows.append((str(size), str(repeats), percent(raw), percent(holm), percent(marked)))
    return Section(
        goal="S4",
        title="No false alarm in a whole run",
        text=(
            f"Runs of {ROUNDS} rounds of equal cells, CV {percent(CV, 0)}, metrics of a cell"
            " correlated by 0.5, through lab.analysis from samples to marks. The share of runs with"
            " any false alarm: of p values as they are, after Holm, and with the gate's mark, which"
            " needs the margin too. Accepted after Holm: at most 5 %, with its band: 6.6 % of 2000"
            " runs, 7.3 % of 1000."
        ),
        header=("comparisons", "runs", "any p < 5 %", "any after Holm", "any mark"),
        rows=tuple(rows),
        checks=tuple(checks),
    )


def findings(*, repeats: int = 300) -> Section:
    """S4: the same where some cells are slower, on metrics that the gate has and on others."""
    rows, checks = [], []
    for change in (0.10, 0.15):
        random = generator("S4 found", change)
        run = _empty(20, METRICS, primary=METRICS[:5])
        slower = {str(cell) for cell in run.header.plan.cells[1:3]}
        worse = {(cell, metric.name) for cell in slower for metric in (*METRICS[:3], *METRICS[5:8])}
        analyses = [analyse(each) for each in _runs(random, run, repeats, worse, change)]
        for mark, error in ((Mark.GATE, ALPHA), (Mark.EXPLORATORY, Q)):
            tally = [_tally(each, mark, worse) for each in analyses]
            power = float(np.mean([found / there for found, _, there in tally]))
            false = float(np.mean([wrong / max(1, found + wrong) for found, wrong, _ in tally]))
            any_false = share([wrong > 0 for _, wrong, _ in tally])
            _, high = band(error, repeats)
            name = f"{mark}, -{change}"
            checks.append(
                Check(name=name, value=any_false if mark is Mark.GATE else false, high=high)
            )
            rows.append(
                (
                    percent(-change, 0),
                    mark.value,
                    percent(power),
                    percent(any_false),
                    percent(false),
                )
            )
    return Section(
        goal="S4",
        title="What a whole run finds",
        text=(
            f"{repeats} runs a line of 20 cells with 5 primary and 5 other metrics; two cells are"
            " worse on 3 of each. Marked of what is there; runs with any false mark; the share of"
            " false marks among all. Accepted: any false mark of the gate in"
            f" {percent(ALPHA, 0)}, a share of {percent(Q, 0)} outside it, each with its band."
        ),
        header=("change", "mark", "marked", "runs with a false mark", "false among the marks"),
        rows=tuple(rows),
        checks=tuple(checks),
    )


def controls(*, repeats: int = 1000) -> Section:
    """What the twin and the handicap say of a sound run."""
    rows, checks = [], []
    base = next(cell for cell in ALL_CELLS if cell.runtime is Runtime.REFERENCE)
    cells = [base, base.of(Variant.TWIN), base.of(Variant.HANDICAP)]
    handicap = str(cells[2])
    primary = METRICS[:6]
    for rounds in (5, 10):
        for cv in (0.02, 0.05):
            run = _run(cells, primary, primary=primary, rounds=rounds)
            random = generator("controls", rounds, cv)
            # Half of the metrics feel what the handicap holds back.
            worse = {(handicap, metric.name) for metric in primary[:3]}
            analyses = [analyse(each) for each in _runs(random, run, repeats, worse, 0.10, cv=cv)]
            suspect = share([each.twin.status is ControlStatus.SUSPECT for each in analyses])
            found = share([each.handicap.status is ControlStatus.FOUND for each in analyses])
            _, high = band(ALPHA, repeats)
            checks.append(Check(name=f"twin, {rounds} rounds, CV {cv}", value=suspect, high=high))
            rows.append((str(rounds), percent(cv, 0), percent(suspect), percent(found)))
    return Section(
        goal="S11, S12",
        title="What a run's own controls say",
        text=(
            f"{repeats} sound runs a line with a twin and a handicap of 10 % that half of six"
            " primary metrics feel. A sound run is suspect when its twin differs after Holm:"
            f" accepted in {percent(ALPHA, 0)}, with its band."
        ),
        header=("rounds", "CV of boots", "twin: suspect", "handicap: found"),
        rows=tuple(rows),
        checks=tuple(checks),
    )


def _empty(cells: int, metrics: Sequence[Metric], *, primary: Sequence[Metric] = ()) -> Run:
    every = [cell for cell in ALL_CELLS if cell.runtime is not Runtime.RUNC]
    return _run(every[:cells], metrics, primary=primary or metrics, rounds=ROUNDS)


def _run(
    cells: Sequence[Cell], metrics: Sequence[Metric], *, primary: Sequence[Metric], rounds: int
) -> Run:
    """A run whose values are all 1; every cell is compared with the first."""
    baseline, *others = map(str, cells)
    roles = {Variant.PLAIN: Role.BASELINE, Variant.TWIN: Role.TWIN, Variant.HANDICAP: Role.HANDICAP}
    return campaign(
        {str(cell): {metric: [1.0] * rounds for metric in metrics} for cell in cells},
        primary=[metric.name for metric in primary],
        comparisons=tuple(
            Comparison(cell=cell, baseline=baseline, role=roles[Cell.parse(cell).variant])
            for cell in others
        ),
    )


def _runs(
    random: Generator,
    run: Run,
    repeats: int,
    worse: Container[tuple[str, str]] = (),
    change: float = 0.0,
    *,
    cv: float = CV,
) -> Iterator[Run]:
    """*run* again and again, with other values; the cells and metrics in *worse* have fallen."""
    cells = {name: place for place, name in enumerate(run.header.plan.cell_names)}
    names = dict.fromkeys(sample.metric.name for sample in run.samples)
    metrics = {name: place for place, name in enumerate(names)}
    places = [(cells[s.cell], metrics[s.metric.name], s.round - 1) for s in run.samples]
    shift = np.array(
        [
            [_shift(metric, change) if (cell, metric) in worse else 0.0 for metric in metrics]
            for cell in cells
        ]
    )
    rounds = run.header.plan.rounds
    for _ in range(repeats):
        shared = random.normal(0, cv * math.sqrt(0.5), (len(cells), 1, rounds))
        own = random.normal(0, cv * math.sqrt(0.5), (len(cells), len(metrics), rounds))
        values = np.exp(shared + own + shift[:, :, None])
        samples = tuple(
            msgspec.structs.replace(sample, value=value)
            for sample, value in zip(
                run.samples, values[tuple(np.transpose(places))].tolist(), strict=True
            )
        )
        yield replace(run, samples=samples)


def _shift(metric: str, change: float) -> float:
    """On the logarithm, towards the worse."""
    better = next(each.better for each in METRICS if each.name == metric)
    fallen = math.log1p(-change)
    return fallen if better is Better.HIGHER else -fallen


def _has(analysis: Analysis, *, adjusted: bool) -> bool:
    """Whether any p value of the gate, as it is or adjusted, is at most alpha."""
    gate = [each for each in analysis.effects if each.family == "gate"]
    p_values = [each.p_adjusted if adjusted else each.effect.p for each in gate]
    return any(p is not None and p <= ALPHA for p in p_values)


def _has_mark(analysis: Analysis, mark: Mark) -> bool:
    return any(each.mark is mark for each in analysis.effects)


def _tally(
    analysis: Analysis, mark: Mark, worse: Container[tuple[str, str]]
) -> tuple[int, int, int]:
    """Found, wrongly marked, and there to be found: of the effects that can have *mark*."""
    mine = [each for each in analysis.effects if (each.family == "gate") == (mark is Mark.GATE)]
    there = [each for each in mine if (each.cell, each.metric) in worse]
    marked = [each for each in mine if each.mark is mark]
    found = sum((each.cell, each.metric) in worse for each in marked)
    return found, len(marked) - found, len(there)
