"""What whoever reads the numbers must know: each by its name, none in place of another."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from lab.analysis.result import Caution, ControlStatus
from lab.contamination import RULES_VERSION
from lab.gates import of_run
from lab.plan import Role
from lab.stats.flag import MIN_BOOTS, Flag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lab.analysis.boots import Judged
    from lab.analysis.result import Control, MetricEffect
    from lab.comparability import Varying
    from lab.gates import Finding
    from lab.run import Run


def cautions(
    run: Run,
    samples: Judged,
    varying: Iterable[Varying],
    effects: Sequence[MetricEffect],
    *,
    twin: Control,
    handicap: Control,
) -> tuple[Caution, ...]:
    """All that is doubtful: of the whole run first, then of cells, then of primary effects."""
    return (
        *_of_run(run, twin, handicap),
        *(
            Caution(name=Flag.MIXED_CONFIGURATIONS, text=str(each), cell=each.cell)
            for each in varying
        ),
        *_of_cells(run, samples),
        *_of_gates(run),
        *_of_effects(run, samples, effects),
    )


def _of_run(run: Run, twin: Control, handicap: Control) -> Iterator[Caution]:
    plan = run.header.plan
    if twin.status is ControlStatus.SUSPECT:
        yield Caution(
            name="suspect",
            text=f"The twin differs from its cell in {', '.join(twin.differing)}:"
            " what this run finds may be as false.",
        )
    if handicap.status is ControlStatus.MISSED:
        yield Caution(
            name="blunt",
            text="The handicap was not found: what this run does not find may be there.",
        )
    if plan.design.comparisons and run.rounds < MIN_BOOTS:
        yield Caution(
            name=Flag.TOO_FEW_BOOTS,
            text=f"Nothing is compared: it takes {MIN_BOOTS} rounds, and there are {run.rounds}.",
        )
    if run.degradation:
        yield Caution(name="degraded", text=run.degradation)
    for warning in plan.warnings:
        yield Caution(name="sequential-order", text=warning)
    if plan.design.rules not in {0, RULES_VERSION}:
        yield Caution(
            name="other-rules",
            text=f"The run declared version {plan.design.rules} of the rules of contamination;"
            f" version {RULES_VERSION} was applied.",
        )
    for warning in run.warnings:
        yield Caution(name="damaged", text=warning)


def _of_cells(run: Run, samples: Judged) -> Iterator[Caution]:
    measured = {cell for cell, _ in samples.series}
    compared = {
        name for each in run.header.plan.design.comparisons for name in (each.cell, each.baseline)
    }
    for cell in run.header.plan.cell_names:
        if cell in compared - measured:
            yield Caution(
                name=Flag.TOO_FEW_BOOTS, text="Without a valid sample: not compared.", cell=cell
            )
    for (cell, metric), series in samples.series.items():
        if series.is_all_contaminated:
            yield Caution(
                name=Flag.ALL_CONTAMINATED,
                text=f"All {series.samples} samples are contaminated.",
                cell=cell,
                metric=metric,
            )


def _of_gates(run: Run) -> Iterator[Caution]:
    """What cannot be what it says it is, or had better be looked at: once a cell and metric."""
    comparisons = run.header.plan.design.comparisons
    controls = {each.cell: each.baseline for each in comparisons if each.role is Role.CONTROL}
    findings: dict[tuple[str, str, str], list[Finding]] = defaultdict(list)
    for finding in of_run(run.used_samples, controls):
        findings[finding.cell, finding.metric, finding.gate].append(finding)
    for (cell, metric, gate), mine in findings.items():
        more = f" ({len(mine)} samples)" if len(mine) > 1 else ""
        yield Caution(
            name=gate.replace("_", "-"),
            text=f"{mine[0].mark.capitalize()}: {mine[0].reason}{more}.",
            cell=cell,
            metric=metric,
        )


def _of_effects(run: Run, samples: Judged, effects: Iterable[MetricEffect]) -> Iterator[Caution]:
    """
    Of primary metrics, once a cell and metric; those of others are in their effects' flags only.

    What follows for all of them from one thing is said once.
    """
    measured = {cell for cell, _ in samples.series}
    is_short = run.rounds < MIN_BOOTS
    baselines: dict[tuple[str, str, Flag], list[str]] = defaultdict(list)
    for each in effects:
        if each.is_primary and measured >= {each.cell, each.baseline}:
            for flag in each.effect.flags:
                baselines[each.cell, each.metric, flag].append(each.baseline)
    for (cell, metric, flag), mine in baselines.items():
        if not (is_short and flag is Flag.TOO_FEW_BOOTS):
            yield Caution(
                name=flag,
                text=f"Against {', '.join(mine)}: {flag.text}.",
                cell=cell,
                metric=metric,
            )
