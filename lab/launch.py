"""From what a user asked for to a bench that is up: decided first, whole; then brought up."""

from __future__ import annotations

import secrets
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lab import audit, diagnosis, elsewhere, labs, lease, owner, prepare, source
from lab.bench import Bench
from lab.cluster import kit as kits
from lab.environment import environment
from lab.errors import LabError, StoreError
from lab.loader import load_topology
from lab.machine import Start
from lab.planning import SEED_LIMIT, plan_of
from lab.profile import settled
from lab.provision import bring_up
from lab.records import RunHeader, RunStatus
from lab.run import Run, exit_status
from lab.stopwatch import Activity, Stopwatch
from lab.store import Store
from lab.takedown import take_down, take_down_beside
from lab.this_machine import THIS_MACHINE
from lab.units import format_duration
from lab.virt.connection import default_uri
from lab.virt.xml import Accelerator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from lab.cluster.kit import Kit
    from lab.disks import Disks
    from lab.host import Chosen
    from lab.image.build import Images
    from lab.lease import Lease
    from lab.options import Wishes
    from lab.plan import Plan
    from lab.profile import Profile
    from lab.provider import Provider
    from lab.provision import Lab
    from lab.topology import Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """All that is settled before anything starts."""

    wishes: Wishes
    topology: Topology
    profile: Profile
    plan: Plan
    images: Images
    chosen: Chosen
    kit: Kit | None = None
    """What Kata's cells need; None if there are none."""
    provider: Provider = THIS_MACHINE


def decide(
    wishes: Wishes,
    *,
    say: Callable[[str], None],
    stopwatch: Stopwatch,
    provider: Provider = THIS_MACHINE,
) -> Decided:
    """
    Settle topology, cells, images, accelerator, profile and order; start nothing.

    Raises:
        UsageError: if the wishes name what does not exist: nothing was done then.
        ArtefactError: if they name a runtime of Kata whose artefacts are not here.
        HostError: if this machine has no room, or lacks what was demanded.
        ImageError: if an image cannot be built.
    """
    topology = load_topology(wishes.topology)
    elsewhere.require_here(topology, own_uri=default_uri(), choice=wishes.topology)
    choose = kits.choose_for_cluster if topology.is_cluster else kits.choose
    cells, kit = choose(wishes.cells, directory=wishes.artefacts, lock_file=wishes.lock, say=say)
    if not lease.queue():  # whoever has this machine now gives its room back in time
        provider.check_room(topology)
    images, chosen = provider.settle(wishes, say=say, stopwatch=stopwatch)
    is_emulated = chosen.accelerator is Accelerator.TCG
    profile = settled(wishes.profile, is_emulated=is_emulated)
    seed = secrets.randbelow(SEED_LIMIT) if wishes.seed is None else wishes.seed
    plan = plan_of(wishes, cells, profile=profile, seed=seed, has_reference=not topology.is_cluster)
    for text in (*map(str, plan.added), *plan.warnings):
        say(text)
    return Decided(
        wishes=wishes,
        topology=topology,
        profile=replace(profile, seed=seed),
        plan=plan,
        images=images,
        chosen=chosen,
        kit=kit,
        provider=provider,
    )


@contextmanager
def leased(
    decided: Decided,
    doing: str,
    *,
    is_alone: bool,
    say: Callable[[str], None],
    stopwatch: Stopwatch,
) -> Iterator[Lease]:
    """
    Have this machine for the block, see :mod:`lab.lease`; what it takes to get it is not counted.

    Raises:
        HostError: if it cannot be had, if one does not want to wait for it, or if it has no room
            even now that it is ours.
    """
    held = lease.leased(doing, is_alone=is_alone, say=say, waits=decided.wishes.waits)
    with ExitStack() as stack:
        with stopwatch.left_out():
            granted = stack.enter_context(held)
        decided.provider.check_room(decided.topology)
        yield granted


def as_typed() -> tuple[str, ...]:
    """The command of this process as its user would type it, wherever ``lab`` is installed."""
    return ("lab", *sys.argv[1:])


def open_store(decided: Decided) -> Store:
    """Make the run's directory, with the plan in it, before the first sample."""
    header = RunHeader(
        created=datetime.now(UTC),
        command_line=as_typed(),
        topology=decided.wishes.topology,
        plan=decided.plan,
        code=source.digest(),
        owner=owner.me().id,
        options=decided.wishes.artefact_options,
    )
    return Store.create(decided.wishes.output, header)


@contextmanager
def running(
    decided: Decided, store: Store, *, say: Callable[[str], None], stopwatch: Stopwatch
) -> Iterator[Bench]:
    """
    Bring the topology up, hand out its bench, and take everything down again.

    With ``--keep always``, or ``failed`` and something bad on record, the lab stays up. What
    else is left behind on this machine is a fault of the bench, and on record.
    """
    with (
        audit.audited(default_uri(), keep=store.set_leaks, say=say),
        _up(decided, store, say=say, stopwatch=stopwatch) as bench,
    ):
        yield bench


@contextmanager
def _up(
    decided: Decided, store: Store, *, say: Callable[[str], None], stopwatch: Stopwatch
) -> Iterator[Bench]:
    with stopwatch.spending(Activity.BUILDING):
        disks = prepared_disks(
            decided,
            console=lambda name: store.node_console_path(f"{name}-preparing"),
            say=say,
            run=store.path,
        )
    for name in disks:
        say(f"starting {name}; its console is {store.node_console_path(name)}")
    with stopwatch.spending(Activity.BOOTING):
        began, since = time.monotonic(), datetime.now(UTC).timestamp()
        try:
            lab = bring_up(
                start_of(decided, disks, console=store.node_console_path, run=store.path)
            )
        except LabError as error:
            if folder := diagnosis.of_start(store, since=since):
                error.add_note(f"what QEMU has said is in {folder}")
            raise
        stopwatch.node_ready_s = time.monotonic() - began
    with _ended(lab, decided, store, say=say):
        said = format_duration(stopwatch.node_ready_s)
        say(f"ssh answers on {', '.join(disks)} after {said}")
        with stopwatch.spending(Activity.BOOTING):
            prepare.activate(lab, decided.topology, decided.kit)
        setting = prepare.setting(decided.topology, decided.images, lab, decided.kit)
        store.set_environment(environment(decided, setting.node))
        watch = decided.provider.watch(
            setting.node, domains=[node.domain for node in lab.record.nodes]
        )
        bench = Bench(setting, store, stopwatch, watch, make=decided.provider.sandbox)
        try:
            yield bench
        finally:
            if not _keeps(decided, store):
                bench.end()


def prepared_disks(
    decided: Decided,
    *,
    console: Callable[[str], Path],
    say: Callable[[str], None],
    run: Path | None = None,
) -> Mapping[str, Disks]:
    """The disks of what was *decided*, by node; *console* is for those that prepare them."""
    return decided.provider.disks(
        decided.topology,
        decided.images,
        decided.chosen,
        console=console,
        say=say,
        kit=decided.kit,
        run=run,
    )


def start_of(
    decided: Decided,
    disks: Mapping[str, Disks],
    *,
    console: Callable[[str], Path],
    run: Path | None = None,
) -> Start:
    """How the nodes of what was *decided* are started from prepared *disks*."""
    return Start(
        topology=decided.topology,
        image=decided.images.node,
        disks=disks,
        accelerator=decided.chosen.accelerator,
        emulator=decided.chosen.emulator,
        frozen=prepare.frozen(decided.topology, disks, decided.chosen, decided.kit),
        console=console,
        run=run,
    )


def finish(store: Store, stopwatch: Stopwatch, *, is_complete: bool) -> Run:
    """Record how the run ended and where its time went, and read it back."""
    store.set_timeline(stopwatch.timeline)
    store.finish(RunStatus.COMPLETE if is_complete else RunStatus.INTERRUPTED)
    return Run.load(store.path)


@contextmanager
def _ended(
    lab: Lab, decided: Decided, store: Store, *, say: Callable[[str], None]
) -> Iterator[None]:
    """Take the *lab* down after the block, or leave it up if that is wished."""
    try:
        yield
    except BaseException as error:
        if not _stays(lab, decided, store, say=say):
            take_down_beside(error, lab.folder)
        raise
    if not _stays(lab, decided, store, say=say):
        take_down(lab.folder)


def _stays(lab: Lab, decided: Decided, store: Store, *, say: Callable[[str], None]) -> bool:
    if not _keeps(decided, store):
        return False
    labs.keep(lab.record)
    say(f"{lab.record.id} stays up: {lab.record.ways_in}")
    return True


def _keeps(decided: Decided, store: Store) -> bool:
    match decided.wishes.keep:
        case "always":
            return True
        case "failed":
            try:
                return exit_status(Run.load(store.path)) != 0
            except StoreError:  # what cannot be read is no reason to leave a machine behind
                return False
        case _:
            return False
