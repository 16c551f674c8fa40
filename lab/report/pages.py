"""One cell at a time: its boots, every outcome, every value, and what proves them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lab.outcome import Outcome
from lab.report.costs import costs
from lab.report.course import across, course, factors
from lab.report.missing import GRAVEST_FIRST, Missing, missing_in
from lab.report.path import path_of
from lab.report.reports import curves
from lab.report.text import link, scenario_group, scenario_title
from lab.store import CONSOLES, RAW
from lab.units import format_duration, format_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.matrix import Cell
    from lab.outcome import Evidence, Fact
    from lab.plan import Boot
    from lab.records import OutcomeRecord
    from lab.report.costs import Cost
    from lab.report.course import Doubts, Factor
    from lab.report.path import DataPath
    from lab.report.reports import Curve
    from lab.run import Run
    from lab.sample import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class BootLine:
    """One sandbox of the cell."""

    id: str
    label: str
    position: int
    started: str
    elapsed: str
    distrust: str
    """Why its samples are INVALID; empty if they are not."""
    disturbed: str
    """By what, or by nothing; empty where that is not known."""
    files: tuple[str, ...]
    """What is kept of it: ``evidence``, ``console``, ``reports``; found by its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioLine:
    """One scenario over the cell's boots."""

    scenario: str
    title: str
    group: str
    tally: tuple[tuple[str, int], ...]
    """Outcomes and how many boots had them, the gravest first."""
    reasons: tuple[str, ...]

    @property
    def is_bad(self) -> bool:
        """Whether any boot had an outcome that the run cannot pass with."""
        return any(Outcome(kind).is_bad for kind, _ in self.tally)


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One sample, as it was stored."""

    text: str
    raw: str
    """A link to the tool's own report; empty where the line's *report* tells which it is."""
    is_valid: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueLine:
    """One metric, boot by boot; a boot without a sample has none."""

    title: str
    unit: str
    """Of all values, which are numbers then; empty for one value, or if their units differ."""
    report: str
    """
    What the tool's own report of every boot is called in the boot's folder; empty without one.

    A link for each value would be half of a large report: the script makes them out of this.
    """
    boots: tuple[tuple[Value, ...], ...]
    course: str
    """The places of all samples, boot by boot: :func:`lab.report.course.course`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactLine:
    """One fact of the evidence, before and after; None where it was not read."""

    subject: str
    source: str
    expected: str
    before: Fact | None
    after: Fact | None

    @property
    def holds(self) -> bool:
        """Whether nothing that was read contradicts it."""
        return all(fact.holds for fact in (self.before, self.after) if fact is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactTable:
    """The evidence of one boot."""

    boot: str
    facts: tuple[FactLine, ...]
    has_after: bool
    path: DataPath | None = None
    """What the same evidence tells of the data path; None if nothing was asked of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellPage:
    """All that is known of one cell."""

    cell: Cell
    headline: str
    tone: str
    """``good``, ``bad`` or ``quiet``."""
    missing: Missing | None
    boots: tuple[BootLine, ...]
    scenarios: tuple[ScenarioLine, ...]
    values: tuple[ValueLine, ...]
    across: tuple[int, ...]
    """How far to the right the samples of each boot are drawn."""
    evidence: tuple[FactTable, ...]
    """Of the first boot that has any, and of each whose evidence contradicts the cell."""
    agreeing: int
    """Further boots whose evidence holds; their files are linked."""
    curves: tuple[Curve, ...]
    """What the tools' own reports show over time, and by percentile."""
    factors: tuple[Factor, ...]
    costs: tuple[Cost, ...]


def page(run: Run, cell: Cell, doubts: Doubts) -> CellPage:
    """Put together what *run* knows of *cell*."""
    name = str(cell)
    boots = sorted((boot for boot in run.order if boot.cell_name == name), key=lambda b: b.round)
    outcomes = [record for record in run.outcomes if record.cell == name]
    samples = [sample for sample in run.samples if sample.cell == name]
    by_boot: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_boot[sample.boot].append(sample)
    evidence = _evidence(run, boots)
    proven = sum(boot.id in run.evidence for boot in boots)
    reported = {sample.boot for sample in samples if _report_of(sample)}
    return CellPage(
        cell=cell,
        headline=_headline(outcomes),
        tone=_tone(outcomes, has_doubt=any(boot.id in run.distrusted for boot in boots)),
        missing=None if samples else missing_in(run, cell),
        boots=tuple(
            _boot_line(
                run,
                boot,
                outcomes,
                has_report=boot.id in reported,
                disturbed=doubts.of_boot(by_boot.get(boot.id, ())),
            )
            for boot in boots
        ),
        scenarios=_scenario_lines(outcomes),
        values=_value_lines(doubts, boots, samples),
        across=across(run, boots),
        evidence=evidence,
        agreeing=proven - len(evidence),
        curves=curves(run.path, samples),
        factors=factors(samples),
        costs=costs(_used(doubts, samples)),
    )


def _used(doubts: Doubts, samples: Sequence[Sample]) -> list[Sample]:
    """Those that are in a mean."""
    used = set(map(id, doubts.run.used_samples))
    return [
        sample
        for sample in samples
        if id(sample) in used and not doubts.of_sample(sample).is_contaminated
    ]


def tally(outcomes: Sequence[OutcomeRecord]) -> tuple[tuple[str, int], ...]:
    """Count outcomes, the gravest first."""
    counted = Counter(record.outcome for record in outcomes)
    return tuple(
        (kind.value, counted[kind]) for kind in (*GRAVEST_FIRST, Outcome.PASS) if counted[kind]
    )


def _headline(outcomes: Sequence[OutcomeRecord]) -> str:
    kinds = tally(outcomes)
    if not kinds:
        return Outcome.NOT_RUN.value
    if len(kinds) == 1:
        return f"all {kinds[0][0]}"
    return ", ".join(f"{number} {kind}" for kind, number in kinds)


def _tone(outcomes: Sequence[OutcomeRecord], *, has_doubt: bool) -> str:
    if has_doubt or any(record.outcome.is_bad for record in outcomes):
        return "bad"
    return "good" if any(record.outcome is Outcome.PASS for record in outcomes) else "quiet"


def _boot_line(
    run: Run,
    boot: Boot,
    outcomes: Sequence[OutcomeRecord],
    *,
    has_report: bool,
    disturbed: str,
) -> BootLine:
    mine = [record for record in outcomes if record.boot == boot.id]
    return BootLine(
        id=boot.id,
        label=f"r{boot.round}" + (f"-a{boot.attempt}" if boot.attempt > 1 else ""),
        position=boot.position,
        started=f"{min(record.started for record in mine):%H:%M:%S}" if mine else "",
        elapsed=format_duration(sum(record.elapsed_s for record in mine)) if mine else "",
        distrust=run.distrusted.get(boot.id, ""),
        disturbed=disturbed,
        files=tuple(
            name
            for name, is_kept in (
                ("evidence", boot.id in run.evidence),
                ("console", f"{CONSOLES}/{boot.id}.log" in run.consoles),
                ("reports", has_report),
            )
            if is_kept
        ),
    )


def _scenario_lines(outcomes: Sequence[OutcomeRecord]) -> tuple[ScenarioLine, ...]:
    by_scenario: dict[str, list[OutcomeRecord]] = defaultdict(list)
    for record in outcomes:
        by_scenario[record.scenario].append(record)
    return tuple(
        ScenarioLine(
            scenario=scenario,
            title=scenario_title(scenario),
            group=scenario_group(scenario),
            tally=tally(records),
            reasons=_reasons(records),
        )
        for scenario, records in by_scenario.items()
    )


def _reasons(records: Sequence[OutcomeRecord]) -> tuple[str, ...]:
    rounds: dict[str, list[int]] = defaultdict(list)
    for record in records:
        if record.outcome is not Outcome.PASS and record.reason:
            rounds[record.reason].append(record.round)
    if len(records) == 1:
        return tuple(rounds)
    return tuple(
        f"{', '.join(f'r{n}' for n in numbers)}: {reason}" for reason, numbers in rounds.items()
    )


def _value_lines(
    doubts: Doubts, boots: Sequence[Boot], samples: Sequence[Sample]
) -> tuple[ValueLine, ...]:
    valid = set(map(id, doubts.run.valid_samples))
    used = set(map(id, doubts.run.used_samples))
    by_metric: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_metric[sample.metric.name].append(sample)
    return tuple(
        _value_line(boots, mine, valid, course(doubts, mine, used)) for mine in by_metric.values()
    )


def _value_line(
    boots: Sequence[Boot], samples: Sequence[Sample], valid: set[int], places: Mapping[str, str]
) -> ValueLine:
    reports = set(map(_report_of, samples))
    common = reports.pop() if len(reports) == 1 else ""
    texts = [format_value(sample.value, sample.metric.unit) for sample in samples]
    units = {text.rpartition(" ")[2] for text in texts}
    unit = units.pop() if len(units) == 1 < len(texts) else ""
    values: dict[str, list[Value]] = defaultdict(list)
    for sample, text in zip(samples, texts, strict=True):
        value = Value(
            text=text.removesuffix(f" {unit}"),
            raw="" if common else link(sample.raw),
            is_valid=id(sample) in valid,
        )
        values[sample.boot].append(value)
    return ValueLine(
        title=samples[0].metric.title,
        unit=unit,
        report=common,
        boots=tuple(tuple(values.get(boot.id, ())) for boot in boots),
        course=" ".join(places.get(boot.id, "") for boot in boots),
    )


def _report_of(sample: Sample) -> str:
    """What the sample's own report is called, if it lies in its boot's folder."""
    path = sample.raw or ""
    folder, _, name = path.rpartition("/")
    return name if link(path) and folder == f"{RAW}/{sample.boot}" else ""


def _evidence(run: Run, boots: Sequence[Boot]) -> tuple[FactTable, ...]:
    proven = [boot.id for boot in boots if boot.id in run.evidence]
    tables = [_fact_table(boot, run.evidence[boot]) for boot in proven]
    doubtful = [table for table in tables if not all(line.holds for line in table.facts)]
    shown = doubtful if tables[:1] == doubtful[:1] else [*tables[:1], *doubtful]
    return tuple(replace(table, path=path_of(run.evidence[table.boot])) for table in shown)


def _fact_table(boot: str, kept: Sequence[Evidence]) -> FactTable:
    read: dict[tuple[str, str, str], dict[str, Fact]] = defaultdict(dict)
    for evidence in kept:
        for fact in evidence.facts:
            read[fact.subject, fact.source, fact.expected][evidence.phase] = fact
    return FactTable(
        boot=boot,
        facts=tuple(
            FactLine(
                subject=subject,
                source=source,
                expected=expected,
                before=phases.get("before"),
                after=phases.get("after"),
            )
            for (subject, source, expected), phases in read.items()
        ),
        has_after=any(evidence.phase == "after" for evidence in kept),
    )
