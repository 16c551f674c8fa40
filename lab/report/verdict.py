"""What became of a run, in sentences: the verdict, the failures, what was not run and why."""

from __future__ import annotations

import shlex
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab import again, hints
from lab.matrix import Cell, Runtime
from lab.outcome import Outcome
from lab.records import RunStatus
from lab.report.missing import GRAVEST_FIRST, lacking
from lab.report.rounds import ending
from lab.report.text import link, scenario_title
from lab.store import DIAGNOSIS
from lab.units import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.hints import Hint
    from lab.records import Environment, OutcomeRecord, RunHeader
    from lab.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Banner:
    """What must be known before any number is read."""

    headline: str
    reason: str

    @property
    def hints(self) -> tuple[Hint, ...]:
        """What is known of it."""
        return hints.of(self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Scenarios of one cell that ended badly for one reason."""

    cell: str
    outcome: str
    reason: str
    scenarios: str
    """Which of the cell's scenarios: ``all 19 scenarios``, or their titles."""
    boots: str
    """Which of the cell's boots: ``all 5 boots``, or ``boots r2, r4 of 5``."""
    console: tuple[str, ...]
    command: str
    """Repeats exactly this cell, or mends what is none's."""
    is_of_cell: bool = True
    diagnosis: str = ""
    """Where what was learnt of it is, relative to the report; empty if nothing was kept."""

    @property
    def hints(self) -> tuple[Hint, ...]:
        """What is known of it, by what was said."""
        return hints.of(self.reason, "\n".join(self.console))


def verdict(run: Run) -> str:
    """The run in one sentence: what was measured, what could not be, what failed."""
    cells = run.header.plan.plain_cells
    measured = {sample.cell for sample in run.valid_samples}
    failed = {record.cell for record in run.outcomes if record.outcome.is_bad}
    failed |= {boot.cell_name for boot in run.order if boot.id in run.distrusted}
    unsupported = lacking(run, Outcome.UNSUPPORTED) & set(cells)
    skipped = lacking(run, Outcome.NOT_RUN) & set(cells)
    possible = [cell for cell in cells if cell not in unsupported]
    coverage = [_coverage(possible, measured, runtime) for runtime in _runtimes(possible)]
    parts = [f"{' and '.join(coverage)} measured"] if coverage else []
    parts += [f"{len(unsupported)} unsupported", f"{len(failed)} failed"]
    parts += [f"{len(skipped)} not run"] if skipped else []
    if run.environment and run.environment.is_emulated:
        parts.append("these are not hardware's numbers")
    lead = "" if measured else "Nothing was measured: "
    return f"{lead}{'; '.join(parts)}."


def _runtimes(cells: Sequence[Cell]) -> tuple[Runtime, ...]:
    """Controls come last: they are there for the others."""
    used = {cell.runtime for cell in cells}
    return tuple(sorted(used, key=lambda runtime: (runtime is Runtime.RUNC, runtime)))


def _coverage(cells: Sequence[Cell], measured: set[str], runtime: Runtime) -> str:
    mine = [cell for cell in cells if cell.runtime is runtime]
    noun = "control" if runtime is Runtime.RUNC else "cell"
    done = sum(str(cell) in measured for cell in mine)
    return f"{done} of {count(len(mine), f'{runtime} {noun}')}"


def banner(environment: Environment | None) -> Banner | None:
    """What to say in large letters; nothing where hardware virtualisation was used."""
    if environment is None:
        return Banner(
            headline="On what this ran is not on record.",
            reason="The run ended before its environment was written down.",
        )
    if not environment.is_emulated:
        return None
    return Banner(
        headline="Emulated: these are not hardware's numbers.",
        reason=environment.accelerator_reason,
    )


def notices(run: Run) -> tuple[str, ...]:
    """How the run ended if not as planned, whose artefacts it had, what had to be forgiven."""
    ended = {
        RunStatus.RUNNING: ("The run did not end: it is still going on, or it has crashed.",),
        RunStatus.INTERRUPTED: ("The run was interrupted: what it had measured is here.",),
        RunStatus.COMPLETE: (),
    }
    local = run.environment.local_artefacts if run.environment else ""
    built = (f"Built locally, and not upstream's: {local}.",) if local else ()
    rounds = (told,) if (told := ending(run)) else ()
    degraded = (told,) if (told := run.degradation) else ()
    return (
        *ended[run.header.status],
        *rounds,
        *degraded,
        *run.header.plan.warnings,
        *built,
        *run.warnings,
    )


def problems(run: Run) -> tuple[Problem, ...]:
    """What ended badly, by cell and reason, the gravest first."""
    groups: dict[tuple[str, Outcome, str], list[OutcomeRecord]] = defaultdict(list)
    for record in run.outcomes:
        if record.outcome.is_bad:
            groups[record.cell, record.outcome, record.reason].append(record)
    every = [
        Problem(
            cell=cell,
            outcome=outcome.value,
            reason=reason,
            scenarios=_which_scenarios(run, cell, records),
            boots=_which_boots({r.round for r in records}, run.rounds),
            console=next((r.console_tail for r in records if r.console_tail), ()),
            diagnosis=_diagnosis(run, records),
            command=repeat_command(run.header, cell),
        )
        for (cell, outcome, reason), records in groups.items()
    ]
    grave = [outcome.value for outcome in GRAVEST_FIRST]
    places = {name: place for place, name in enumerate(run.header.plan.cell_names)}
    return tuple(
        sorted(
            [*every, *_unjudged(run), *_left_behind(run)],
            key=lambda p: (grave.index(p.outcome), places.get(p.cell, 0), p.reason),
        )
    )


def _left_behind(run: Run) -> list[Problem]:
    """What the run should have removed from this machine, and has not."""
    if run.leaks is None or not run.has_leaks:
        return []
    return [
        Problem(
            cell="this machine",
            outcome=Outcome.INFRA.value,
            reason=f"left behind: {'; '.join(run.leaks.leaks)}",
            scenarios="what was seen of the machine before the run and after it",
            boots="whatever was measured is not touched by it",
            console=(),
            command="lab gc",
            is_of_cell=False,
        )
    ]


def _diagnosis(run: Run, records: Sequence[OutcomeRecord]) -> str:
    kept = (f"{DIAGNOSIS}/{record.boot}" for record in records)
    return next((link(f"{path}/") for path in kept if (run.path / path).is_dir()), "")


def _which_scenarios(run: Run, cell: str, records: Sequence[OutcomeRecord]) -> str:
    hit = dict.fromkeys(record.scenario for record in records)
    every = {record.scenario for record in run.outcomes if record.cell == cell}
    if len(hit) == len(every) > 1:
        return f"all {len(every)} scenarios"
    return ", ".join(map(scenario_title, hit))


def _which_boots(hit: set[int], rounds: int) -> str:
    if len(hit) == rounds:
        return "all boots" if rounds > 1 else "the one boot"
    names = ", ".join(f"r{number}" for number in sorted(hit))
    return f"{'boot' if len(hit) == 1 else 'boots'} {names} of {rounds}"


def _unjudged(run: Run) -> list[Problem]:
    """Boots that are not to be trusted, but ended before any scenario's outcome was written."""
    judged = {record.boot for record in run.outcomes if record.outcome.is_bad}
    return [
        Problem(
            cell=boot.cell_name,
            outcome=Outcome.INVALID.value,
            reason=run.distrusted[boot.id],
            scenarios="whatever was measured",
            boots=_which_boots({boot.round}, run.rounds),
            console=(),
            command=repeat_command(run.header, boot.cell_name),
        )
        for boot in run.order
        if boot.id in run.distrusted and boot.id not in judged
    ]


def repeat_command(header: RunHeader, cell: str) -> str:
    """The command that runs one cell again, as it was run here; a twin is its plain cell."""
    return f"lab matrix {shlex.join(again.options(header, [again.of_plain(cell)]))}"
