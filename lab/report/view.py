"""What a report says, before anybody decides how it looks: Run -> Report, pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.matrix import CONTROL_OF, Cell, Network, Runtime, Storage
from lab.report.absent import Fold, absences
from lab.report.axes import NETWORKS, STORAGES
from lab.report.missing import Missing, missing_in
from lab.report.pages import CellPage, page
from lab.report.panels import Panel, default_panel, panels
from lab.report.rounds import Round, extent, order, rounds
from lab.report.text import link
from lab.report.verdict import (
    Banner,
    Problem,
    banner,
    notices,
    problems,
    verdict,
)
from lab.run import exit_status
from lab.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.records import Environment, RunHeader, Timeline
    from lab.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class GridRow:
    """One network of one runtime with a guest."""

    network: Network
    runtime: Runtime
    label: str
    """The runtime, where the run has another than the reference."""

    def cell(self, storage: Storage) -> Cell:
        """What stands in the row under *storage*."""
        return Cell(self.network, storage, self.runtime)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Networks by storages; under each storage, the control that it is compared with."""

    rows: tuple[GridRow, ...]
    """By network, then by runtime: what Kata costs stands below what it is made of."""
    storages: tuple[Storage, ...]
    controls: tuple[tuple[Cell | None, int], ...]
    """Each with the number of columns that it stands over; None where the run has no control."""
    cells: frozenset[Cell]
    absent: dict[Cell, Missing]
    """Cells without any value, whatever the metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A share of the run's wall-clock time."""

    name: str
    seconds: float
    text: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that the report of one run says."""

    header: RunHeader
    is_good: bool
    verdict: str
    banner: Banner | None
    notices: tuple[str, ...]
    problems: tuple[Problem, ...]
    absences: tuple[Fold, ...]
    grid: Grid
    panels: tuple[Panel, ...]
    default: Panel | None
    groups: tuple[tuple[str, tuple[Panel, ...]], ...]
    """The panels by the folder of their scenario."""
    pages: tuple[CellPage, ...]
    extent: str
    """How many rounds there were."""
    order: str
    """In which order the boots were to follow each other, in a sentence."""
    rounds: tuple[Round, ...]
    environment: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    spans: tuple[Span, ...]
    total: str
    consoles: tuple[tuple[str, str], ...]
    """Consoles that belong to no boot: name and link."""


def build(run: Run) -> Report:
    """Decide everything that a report of *run* says."""
    header = run.header
    every = panels(run)
    boots = {boot.id for boot in run.order}
    return Report(
        header=header,
        is_good=exit_status(run) == 0,
        verdict=verdict(run),
        banner=banner(run.environment),
        notices=notices(run),
        problems=problems(run),
        absences=absences(run),
        grid=_grid(run),
        panels=every,
        default=default_panel(every),
        groups=_groups(every),
        pages=tuple(page(run, cell) for cell in header.plan.cells),
        extent=extent(run),
        order=order(header.plan),
        rounds=rounds(run),
        environment=_environment(run.environment),
        spans=_spans(run.timeline),
        total=format_duration(run.timeline.total_s) if run.timeline else "",
        consoles=tuple(
            (name, link(path))
            for path in run.consoles
            if (name := path.rpartition("/")[2].removesuffix(".log")) not in boots
        ),
    )


def _groups(every: Sequence[Panel]) -> tuple[tuple[str, tuple[Panel, ...]], ...]:
    groups: dict[str, list[Panel]] = defaultdict(list)
    for panel in every:
        groups[panel.group].append(panel)
    return tuple((name, tuple(panels)) for name, panels in groups.items())


def _grid(run: Run) -> Grid:
    cells = run.header.plan.plain_cells
    guests = [cell for cell in cells if cell.runtime is not Runtime.RUNC]
    storages = tuple(s for s in STORAGES if any(cell.storage is s for cell in guests))
    spans: dict[Storage, int] = defaultdict(int)
    for storage in storages:
        spans[CONTROL_OF[storage]] += 1
    controls = {cell.storage: cell for cell in cells if cell.runtime is Runtime.RUNC}
    for storage in controls:
        spans[storage] += 0
    measured = {sample.cell for sample in run.valid_samples}
    return Grid(
        rows=_grid_rows(guests),
        storages=storages,
        controls=tuple((controls.get(storage), span) for storage, span in spans.items()),
        cells=frozenset(cells),
        absent={
            cell: missing
            for cell in cells
            if str(cell) not in measured and (missing := missing_in(run, cell))
        },
    )


def _grid_rows(guests: Sequence[Cell]) -> tuple[GridRow, ...]:
    present = {(cell.network, cell.runtime) for cell in guests}
    is_reference = {cell.runtime for cell in guests} == {Runtime.REFERENCE}
    return tuple(
        GridRow(network=network, runtime=runtime, label="" if is_reference else runtime)
        for network in NETWORKS
        for runtime in Runtime
        if (network, runtime) in present
    )


def _environment(
    environment: Environment | None,
) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    if environment is None:
        return ()
    accelerator = {
        "accelerator": environment.accelerator,
        "why": environment.accelerator_reason,
    }
    groups = {
        "Host": accelerator | environment.host,
        "Versions": environment.versions,
        "Settings": environment.knobs,
        "Images": environment.images,
    }
    return tuple((name, tuple(facts.items())) for name, facts in groups.items() if facts)


def _spans(timeline: Timeline | None) -> tuple[Span, ...]:
    if timeline is None or not timeline.total_s:
        return ()
    seconds = {
        "building": timeline.building_s,
        "booting": timeline.booting_s,
        "measuring": timeline.measuring_s,
        "other": timeline.other_s,
    }
    return tuple(
        Span(name=name, seconds=s, text=format_duration(s), share=s / timeline.total_s)
        for name, s in seconds.items()
    )
