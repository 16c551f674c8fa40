"""Whole runs in memory, of whatever values a test gives them. No figure here was ever measured."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab import plan
from lab.design import comparisons_of
from lab.matrix import Cell
from lab.outcome import Evidence, Fact, Outcome
from lab.plan import Design, Ordering
from lab.records import OutcomeRecord, RunHeader, RunStatus
from lab.run import Run
from tests.fake_run import CREATED
from tests.samples import sample

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.sample import Metric, Sample

CALM = {"host_steal": 0.0}
STOLEN = {"host_steal": 0.3}
"""Noise that breaks a rule."""
BOOT_S = 60.0

PROOF = (
    Evidence(
        phase="before",
        facts=(Fact(subject="cell", source="a test", expected="it", observed="it", holds=True),),
        raw={},
    ),
)


def campaign(
    table: Mapping[str, Mapping[Metric, Sequence[float | Sequence[float]]]],
    *,
    primary: Sequence[str] = (),
    ordering: Ordering = Ordering.SHUFFLED,
    status: RunStatus = RunStatus.COMPLETE,
    **design: Any,  # noqa: ANN401 - fields of Design
) -> Run:
    """
    A run of the cells of *table*: for each metric the value of each round, or its iterations.

    What is declared is what a bench would declare for these cells.
    """
    cells = [Cell.parse(name) for name in table]
    rounds = max(len(values) for metrics in table.values() for values in metrics.values())
    planned = plan.make(
        cells,
        profile="standard",
        rounds=rounds,
        seed=7,
        ordering=ordering,
        design=Design(
            **{
                "primary": tuple(primary),
                "comparisons": comparisons_of(cells),
                "min_rounds": rounds,
                "max_rounds": rounds,
                **design,
            }
        ),
    )
    header = RunHeader(
        id="invented",
        created=CREATED,
        command_line=("lab", "matrix"),
        topology="embedded",
        plan=planned,
        status=status,
    )
    samples = [each for boot in planned.order for each in _samples(boot, table[boot.cell_name])]
    return Run(
        path=Path("invented"),
        header=header,
        environment=None,
        samples=tuple(samples),
        recorded=tuple(map(_record, planned.order)),
        evidence={boot.id: PROOF for boot in planned.order},
        consoles=(),
        timeline=None,
        warnings=(),
    )


def _samples(
    boot: plan.Boot, metrics: Mapping[Metric, Sequence[float | Sequence[float]]]
) -> list[Sample]:
    return [
        sample(
            value,
            metric,
            cell=boot.cell_name,
            round=boot.round,
            position=boot.position,
            boot=boot.id,
            noise=CALM,
        )
        for metric, values in metrics.items()
        if boot.round <= len(values)
        for value in _iterations(values[boot.round - 1])
    ]


def _iterations(values: float | Sequence[float]) -> Sequence[float]:
    return (values,) if isinstance(values, float | int) else values


def _record(boot: plan.Boot) -> OutcomeRecord:
    return OutcomeRecord(
        boot=boot.id,
        cell=boot.cell_name,
        round=boot.round,
        scenario="network/test_throughput.py::test_tcp_out",
        outcome=Outcome.PASS,
        started=CREATED + timedelta(seconds=BOOT_S * boot.position),
        elapsed_s=BOOT_S,
    )
