"""`lab plan`: what a run would be, by the same decisions as the run's own; nothing is started."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab import expectations, host
from lab.cluster import kit as kits
from lab.errors import LabError, StoreError
from lab.expectations import Expect
from lab.forecast.cost import Kind
from lab.forecast.memory import memory
from lab.forecast.outlook import Doubt, forecast
from lab.image import build
from lab.image.lock import load as load_lock
from lab.loader import load_topology
from lab.planning import SEED_LIMIT, plan_of
from lab.profile import settled
from lab.run import Run
from lab.store import HEADER, LAST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from lab.cluster.kit import Kit
    from lab.forecast.outlook import Forecast
    from lab.matrix import Cell
    from lab.options import Wishes
    from lab.plan import Plan
    from lab.profile import Profile
    from lab.topology import Topology

MOST_RUNS = 20
"""Older ones say little of what a run is like today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """What would be decided, had a run begun."""

    topology: Topology
    kit: Kit | None
    profile: Profile
    plan: Plan
    is_emulated: bool
    machine: str
    """What the node would run under, and how that is known."""


def look_ahead(wishes: Wishes, known: Iterable[Run], *, say: Callable[[str], None]) -> Ahead:
    """
    Decide as a run of *wishes* would, as far as can be without building or starting anything.

    Args:
        known: Earlier runs, the newest first; no more of them are read than it takes.

    Raises:
        UsageError: if the wishes name what does not exist.
        ArtefactError: if they name a runtime of Kata whose artefacts are not here.
    """
    topology = load_topology(wishes.topology)
    choose = kits.choose_for_cluster if topology.is_cluster else kits.choose
    cells, kit = choose(wishes.cells, directory=wishes.artefacts, lock_file=wishes.lock, say=say)
    is_emulated, machine = _machine(wishes, (run for run in known if _is_of(run, wishes.topology)))
    profile = settled(wishes.profile, is_emulated=is_emulated)
    seed = secrets.randbelow(SEED_LIMIT) if wishes.seed is None else wishes.seed
    plan = plan_of(wishes, cells, profile=profile, seed=seed, has_reference=not topology.is_cluster)
    return Ahead(
        topology=topology,
        kit=kit,
        profile=profile,
        plan=plan,
        is_emulated=is_emulated,
        machine=machine,
    )


def preview(
    wishes: Wishes, *, precision: float | None = None, say: Callable[[str], None]
) -> Forecast:
    """
    Tell what a run of *wishes* would be, what it would cost and what it could tell apart.

    Raises:
        UsageError: if the wishes name what does not exist.
        ArtefactError: if they name a runtime of Kata whose artefacts are not here.
    """
    every = [run for run in earlier(wishes.output, say=say) if _is_of(run, wishes.topology)]
    ahead = look_ahead(wishes, every, say=say)
    doubts = tuple(_doubts(ahead.plan.plain_cells, ahead.kit))
    profile, is_emulated = ahead.profile, ahead.is_emulated
    alike = [run for run in every if _is_like(run, profile.name, is_emulated=is_emulated)]
    alike = alike[:MOST_RUNS]
    return forecast(
        ahead.plan,
        alike,
        kind=Kind(
            profile=profile,
            is_emulated=is_emulated,
            doubtful=frozenset(doubt.cell for doubt in doubts),
        ),
        machine=ahead.machine,
        doubts=doubts,
        precision=precision,
        memory=memory(
            host.memory_wanted_mib(ahead.topology),
            host.available_memory_mib(),
            runs=alike,
            cells=ahead.plan.cell_names,
        ),
    )


def earlier(root: Path, *, say: Callable[[str], None]) -> Iterator[Run]:
    """The runs in *root*, the newest first; one that cannot be read is said, and left out."""
    for header in sorted(root.glob(f"*/{HEADER}"), reverse=True):
        if header.parent.name == LAST:
            continue
        try:
            yield Run.load(header.parent)
        except StoreError as error:
            say(f"left out: {error.problem}")


def _is_of(run: Run, topology: str) -> bool:
    return run.environment is not None and run.header.topology == topology


def _is_like(run: Run, profile: str, *, is_emulated: bool) -> bool:
    """Whether *run* says something of a run in that profile: what is shorter is also noisier."""
    environment = run.environment
    same_machine = environment is not None and environment.is_emulated is is_emulated
    return same_machine and run.header.plan.profile == profile


def _machine(wishes: Wishes, every: Iterable[Run]) -> tuple[bool, str]:
    """
    Whether the node would be emulated, and how that is known.

    A run tries the node's kernel under KVM. Here nothing is started: what the newest run has
    found stands for it.
    """
    if wishes.accel != "auto":
        return wishes.accel == "tcg", f"node under {wishes.accel}, as was asked"
    newest = next((run for run in every if run.environment is not None), None)
    if newest is not None and newest.environment is not None:
        found = newest.environment
        return found.is_emulated, f"node under {found.accelerator}, as in {newest.header.id}"
    if problem := host.kvm_device_problem():
        return True, f"node under tcg: {problem}"
    found_out = _known_kvm_problem()
    if found_out is None:
        return False, f"node under kvm, if it works: {host.KVM} is there, and a run would try it"
    if found_out:
        return True, f"node under tcg, as was tried before: {found_out}"
    return False, "node under kvm, as was tried before"


def _known_kvm_problem() -> str | None:
    """What is wrong with KVM, by an earlier trial with the node's own kernel; None: not tried."""
    try:
        images = build.already_built(load_lock())
    except LabError:  # a run would say so
        return None
    return host.known_kvm_problem(images.node) if images else None


def _doubts(cells: Iterable[Cell], kit: Kit | None) -> Iterator[Doubt]:
    known = expectations.load()
    for cell in cells:
        release = kit.releases.get(cell.runtime) if kit else None
        expected = known.of(cell, version=release.version if release else None)
        if expected.expect is not Expect.WORKS:
            yield Doubt(cell=str(cell), reason=f"{expected} ({expected.source})")
