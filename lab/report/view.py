"""What a report says, before anybody decides how it looks: Run -> Report, pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.history.index import entry_of
from lab.matrix import (
    Cell,
    Network,
    Runtime,
    Storage,
    control_storage,
    guest_networks,
    guest_storages,
)
from lab.records import RunStatus
from lab.report.absent import Fold, absences
from lab.report.claims import Trust, claim, trust, unclaimed
from lab.report.course import Doubts
from lab.report.differing import Differing, differing
from lab.report.forest import Forest, forests
from lab.report.method import method
from lab.report.missing import Missing, missing_in
from lab.report.own import Section, sections
from lab.report.pages import CellPage, page
from lab.report.panels import Panel, default_panel, panels
from lab.report.past import Past, past
from lab.report.ratios import BASELINES, ROLES, choose, geometric_mean
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
    from collections.abc import Iterable, Sequence

    from lab.analysis.result import Analysis
    from lab.history.night import Entry
    from lab.plan import Role
    from lab.records import Environment, RunHeader, Timeline
    from lab.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class GridRow:
    """One network of one runtime with a guest."""

    network: Network
    runtime: Runtime
    label: str
    """The runtime, where the run has another than the reference."""

    @property
    def key(self) -> str:
        """Tells the row from others."""
        return f"{self.network}+{self.runtime}"

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
    """What is claimed of the cells; or, where nothing is, what was measured."""
    coverage: str
    """What was measured, where the verdict does not say that."""
    unclaimed: str
    """Why nothing is claimed; empty if something is."""
    trust: tuple[Trust, ...]
    banner: Banner | None
    notices: tuple[str, ...]
    problems: tuple[Problem, ...]
    absences: tuple[Fold, ...]
    grid: Grid
    forests: tuple[Forest, ...]
    """The primary comparisons, by role."""
    panels: tuple[Panel, ...]
    default: Panel | None
    roles: tuple[tuple[Role, str], ...]
    """What cells can be compared with, and what that is called."""
    role: Role
    """The one that is shown first."""
    means: dict[str, str]
    """Geometric means of whole columns and rows, by storage, and by network and runtime."""
    groups: tuple[tuple[str, tuple[Panel, ...]], ...]
    """The panels by the folder of their scenario."""
    pages: tuple[CellPage, ...]
    extent: str
    """How many rounds there were."""
    order: str
    """In which order the boots were to follow each other, in a sentence."""
    rounds: tuple[Round, ...]
    past: Past | None
    """The runs before, where the folder has some that are of this one's history."""
    differing: tuple[Differing, ...]
    """What was not the same everywhere in the run."""
    method: tuple[tuple[str, str], ...]
    departures: tuple[str, ...]
    """What was done otherwise than planned."""
    cautions: tuple[tuple[str, str, str], ...]
    """What must be known before the numbers are believed: name, where, text."""
    environment: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    views: tuple[Section, ...]
    """What extensions have to say of the run."""
    spans: tuple[Span, ...]
    total: str
    consoles: tuple[tuple[str, str], ...]
    """Consoles that belong to no boot: name and link."""


def build(run: Run, analysis: Analysis | None = None, *, history: Iterable[Entry] = ()) -> Report:
    """
    Decide everything that a report of *run* says.

    *analysis* is the run's own, if known; *history* is that of the folder the run is in.
    """
    if analysis is None:
        from lab.analysis import analyse  # noqa: PLC0415 - scipy is slow to import

        analysis = analyse(run)
    header, doubts = run.header, Doubts.of(run)
    every = panels(run, analysis)
    grid, default = _grid(run), default_panel(every)
    roles = _roles(every)
    role = choose(roles.items())
    boots = {boot.id for boot in run.order}
    return Report(
        header=header,
        is_good=header.status is RunStatus.COMPLETE and exit_status(run) == 0,
        verdict=claim(analysis) or verdict(run),
        coverage=verdict(run) if claim(analysis) else "",
        unclaimed=unclaimed(run, analysis),
        trust=trust(run, analysis),
        banner=banner(run.environment),
        notices=notices(run),
        problems=problems(run),
        absences=absences(run),
        grid=grid,
        forests=forests(analysis),
        panels=every,
        default=default,
        roles=tuple((each, BASELINES[each]) for each in ROLES if each in roles),
        role=role,
        means=_means(grid, default, role),
        groups=_groups(every),
        pages=tuple(page(run, cell, doubts) for cell in header.plan.cells),
        extent=extent(run),
        order=order(header.plan),
        rounds=rounds(run),
        past=_past(run, tuple(history)),
        differing=differing(run),
        method=method(analysis),
        departures=analysis.departures,
        cautions=tuple(
            (each.name.replace("_", "-"), f"{each.cell} {each.metric}".strip(), each.text)
            for each in analysis.cautions
        ),
        environment=_environment(run.environment),
        views=sections(run),
        spans=_spans(run.timeline),
        total=format_duration(run.timeline.total_s) if run.timeline else "",
        consoles=tuple(
            (name, link(path))
            for path in run.consoles
            if (name := path.rpartition("/")[2].removesuffix(".log")) not in boots
        ),
    )


def _past(run: Run, history: Sequence[Entry]) -> Past | None:
    if not history:
        return None
    metrics = {sample.metric.name: sample.metric for sample in run.samples}
    return past(entry_of(run), history, metrics)


def _roles(every: Sequence[Panel]) -> dict[Role, bool]:
    """The roles that some cell has a ratio in, and whether one has an interval."""
    found: dict[Role, bool] = {}
    for panel in every:
        for row in panel.rows:
            for each in row.ratios:
                found[each.role] = found.get(each.role, False) or bool(each.interval)
    return found


def _means(grid: Grid, panel: Panel | None, role: Role) -> dict[str, str]:
    """Of a column within one runtime there is one mean, of several runtimes none."""
    if panel is None:
        return {}

    def mean(cells: Iterable[Cell]) -> str:
        rows = [panel.row(cell) for cell in cells]
        return geometric_mean(row.ratio(role) if row else None for row in rows)

    columns = {s: mean(row.cell(s) for row in grid.rows) for s in grid.storages}
    rows = {row.key: mean(row.cell(s) for s in grid.storages) for row in grid.rows}
    return {name: text for name, text in (columns | rows).items() if text}


def _groups(every: Sequence[Panel]) -> tuple[tuple[str, tuple[Panel, ...]], ...]:
    groups: dict[str, list[Panel]] = defaultdict(list)
    for panel in every:
        groups[panel.group].append(panel)
    return tuple((name, tuple(panels)) for name, panels in groups.items())


def _grid(run: Run) -> Grid:
    cells = run.header.plan.plain_cells
    guests = [cell for cell in cells if cell.runtime is not Runtime.RUNC]
    storages = tuple(s for s in guest_storages() if any(cell.storage is s for cell in guests))
    spans: dict[Storage, int] = defaultdict(int)
    for storage in storages:
        spans[control_storage(storage)] += 1
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
        for network in guest_networks()
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
