"""
Several runs joined into one directory, as `lab merge` does with the shards of a run.

Rounds are counted on from run to run, so that a cell is never paired with a control of another
run: each ratio stays one of the same machine and the same round. A boot keeps its name unless
another run has it too; then it is called after its new round.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec

from lab.comparability import require
from lab.errors import UsageError
from lab.matrix import in_order
from lab.records import Environment, RunHeader, RunStatus, Timeline
from lab.repeats import repeat
from lab.store import CONSOLES, EVIDENCE, RAW, Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from lab.plan import Boot, Plan
    from lab.run import Run

T = TypeVar("T", bound=msgspec.Struct)

MAY_DIFFER = ("host machine",)
"""Shards run on several machines of one kind; each has its own controls."""
_REMEDY = "merge runs of one kind of machine, made with the same options but --shard"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One run, and what its boots are called in the joined one."""

    run: Run
    boots: Mapping[str, Boot]
    """By the name in the run."""
    number: int
    """Of the run, from 1."""


def merge(runs: Sequence[Run], root: Path, *, allowed: Sequence[str] = ()) -> Path:
    """
    Join *runs* into a new directory under *root*; they stay as they are.

    Raises:
        UsageError: if they are fewer than two, one of them twice, still going on, or not
            comparable: with the first differences.
    """
    _check(runs, allowed)
    parts = tuple(_parts(runs))
    store = Store.create(root, _header(parts))
    store.set_environment(_environment(parts))
    for part in parts:
        _copy(part, store)
    store.add_all(
        (
            msgspec.structs.replace(
                sample,
                boot=boot.id,
                round=boot.round,
                position=boot.position,
                raw=_moved(sample.raw, sample.boot, boot.id),
            )
            for part in parts
            for sample in part.run.samples
            if sample.boot not in part.run.superseded
            for boot in (part.boots[sample.boot],)
        ),
        (
            msgspec.structs.replace(record, boot=boot.id, round=boot.round)
            for part in parts
            for record in part.run.recorded
            if record.boot not in part.run.superseded
            for boot in (part.boots[record.boot],)
        ),
    )
    if timeline := _timeline(parts):
        store.set_timeline(timeline)
    is_complete = all(run.header.status is RunStatus.COMPLETE for run in runs)
    store.finish(RunStatus.COMPLETE if is_complete else RunStatus.INTERRUPTED)
    return store.path


def _check(runs: Sequence[Run], allowed: Sequence[str]) -> None:
    ids = [run.header.id for run in runs]
    if len(ids) < 2:  # noqa: PLR2004 - one run is joined already
        raise UsageError("there is nothing to merge", remedy="name two runs or more")
    if twice := [name for name in ids if ids.count(name) > 1]:
        raise UsageError(f"{twice[0]} is to be merged with itself", remedy="name each run once")
    for run in runs:
        if run.header.status is RunStatus.RUNNING:
            raise UsageError(
                f"{run.header.id} did not end: it is still going on, or it has crashed",
                remedy="wait for its end, or leave it out",
            )
    require(runs, allowed=allowed, may_differ=MAY_DIFFER, remedy=_REMEDY)
    first = runs[0].header
    for run in runs[1:]:
        if (run.header.topology, _claims(run.header.plan)) != (
            first.topology,
            _claims(first.plan),
        ):
            raise UsageError(
                f"{ids[0]} and {run.header.id} do not declare the same: topology, primary"
                " metrics, margins or error rates differ",
                remedy=_REMEDY,
            )


def _claims(plan: Plan) -> tuple[object, ...]:
    """What a run declares that must be the same for its parts to be judged as one."""
    design = plan.design
    return (
        *(design.primary, design.margin, design.alpha, design.exploratory_q),
        *(sorted(design.margins.items()), plan.ordering),
    )


def _parts(runs: Sequence[Run]) -> Iterator[_Part]:
    taken: set[str] = set()
    rounds = positions = 0
    for number, run in enumerate(runs, start=1):
        first = [boot for boot in run.order if boot.attempt == 1]
        clashing = {boot.cell_name for boot in first if boot.id in taken}
        boots = {
            boot.id: msgspec.structs.replace(
                boot,
                # All boots of the cell, or one that keeps its name could have another's new one.
                id=f"{boot.cell_name}-r{rounds + boot.round}"
                if boot.cell_name in clashing
                else boot.id,
                round=rounds + boot.round,
                position=positions + boot.position,
            )
            for boot in first
        }
        taken |= {boot.id for boot in boots.values()}
        boots |= {
            again.id: repeat(boots[boot.id], again.attempt)
            for boot in first
            for again in run.order
            if again.attempt > 1 and again == repeat(boot, again.attempt)
        }
        rounds += run.rounds
        positions += len(first)
        yield _Part(run=run, boots=boots, number=number)


def _header(parts: Sequence[_Part]) -> RunHeader:
    headers = [part.run.header for part in parts]
    plans = [header.plan for header in headers]
    design = plans[0].design
    return msgspec.structs.replace(
        headers[0],
        created=min(header.created for header in headers),
        merged=tuple(header.id for header in headers),
        status=RunStatus.RUNNING,
        plan=msgspec.structs.replace(
            plans[0],
            rounds=sum(part.run.rounds for part in parts),
            cell_names=tuple(map(str, in_order({c for plan in plans for c in plan.cells}))),
            order=tuple(
                boot for part in parts for boot in part.boots.values() if boot.attempt == 1
            ),
            excluded=_once(each for plan in plans for each in plan.excluded),
            added=_once(each for plan in plans for each in plan.added),
            design=msgspec.structs.replace(
                design,
                comparisons=_once(each for plan in plans for each in plan.design.comparisons),
            ),
        ),
    )


def _once(records: Iterable[T]) -> tuple[T, ...]:
    return tuple({msgspec.json.encode(record): record for record in records}.values())


def _environment(parts: Sequence[_Part]) -> Environment:
    """That of the first; what differs, and may, is told of each."""
    found = [part.run.environment for part in parts if part.run.environment]
    host = {
        name: ", ".join(sorted({each.host.get(name, "unknown") for each in found}))
        for name in dict.fromkeys(name for each in found for name in each.host)
    }
    return msgspec.structs.replace(found[0], host=host)


def _timeline(parts: Sequence[_Part]) -> Timeline | None:
    """The sums: the machines' time, not the wall clock's."""
    found = [part.run.timeline for part in parts if part.run.timeline]
    if not found:
        return None
    return Timeline(
        building_s=sum(each.building_s for each in found),
        booting_s=sum(each.booting_s for each in found),
        measuring_s=sum(each.measuring_s for each in found),
        total_s=sum(each.total_s for each in found),
        node_ready_s=found[0].node_ready_s,
    )


def _copy(part: _Part, store: Store) -> None:
    """Bring over what lies in files of its own: evidence, raw reports, consoles."""
    for old, boot in part.boots.items():
        evidence = part.run.path / EVIDENCE / f"{old}.json"
        if evidence.exists():
            shutil.copyfile(evidence, store.path / EVIDENCE / f"{boot.id}.json")
        raw = part.run.path / RAW / old
        if raw.is_dir():
            shutil.copytree(raw, store.path / RAW / boot.id)
    for console in sorted((part.run.path / CONSOLES).glob("*.log")):
        mine = part.boots.get(console.stem)
        name = mine.id if mine else _free(store, console.stem, part.number)
        shutil.copyfile(console, store.console_path(name))


def _free(store: Store, name: str, number: int) -> str:
    """A console's own name, or with the number of its run where another has it."""
    return f"{name}-{number}" if store.console_path(name).exists() else name


def _moved(raw: str | None, old: str, new: str) -> str | None:
    before = f"{RAW}/{old}/"
    return f"{RAW}/{new}/{raw.removeprefix(before)}" if raw and raw.startswith(before) else raw
