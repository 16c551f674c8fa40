"""`lab matrix --resume`: a run goes on where it stopped, on the same bench or by force."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lab import environment, launch, ledger, source
from lab.comparability import Difference, differences, key
from lab.controls import Controls
from lab.errors import UsageError
from lab.files import state_dir
from lab.owner import Owner
from lab.records import BootEvent, Resumption, RunStatus
from lab.remainder import Remainder, open_boots, remainder
from lab.run import Run
from lab.store import Store
from lab.this_machine import THIS_MACHINE

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.launch import Decided
    from lab.options import Wishes
    from lab.provider import Provider
    from lab.stopwatch import Stopwatch

MAY_BE_SAID = ("--keep", "--accel", "--output", "--wait")
"""The options that may come with ``--resume``; all else is as the run has it."""
_ARTEFACTS, _LOCK = "--artefacts", "--lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """A run that is about to go on."""

    run: Run
    decided: Decided
    differences: tuple[Difference, ...]


def read(path: Path) -> Run:
    """
    Read the run in *path*, which is to go on.

    Raises:
        UsageError: if it cannot: it is still going on, or was never measured as it is.
    """
    run = Run.load(path)
    header = run.header
    writer = Owner.parse(header.owner)
    if header.status is RunStatus.RUNNING and writer and ledger.is_alive(writer, state_dir()):
        raise UsageError(
            f"{header.id} is still going on, in process {writer.pid}",
            remedy="wait for its end, or end it with Ctrl-C",
        )
    if header.merged:
        raise UsageError(
            f"{header.id} was joined from other runs",
            remedy=f"resume one of them: {', '.join(header.merged)}",
        )
    if not run.journal and run.recorded:
        raise UsageError(
            f"{header.id} is of a lab that kept no journal of its boots",
            remedy="make it again: " + " ".join(header.command_line),
        )
    return run


def decide(
    wishes: Wishes,
    run: Run,
    *,
    is_forced: bool,
    say: Callable[[str], None],
    stopwatch: Stopwatch,
    provider: Provider = THIS_MACHINE,
) -> Resumed:
    """
    Settle what *run* goes on with: its own plan, on what there is now; start nothing.

    Raises:
        UsageError: if what there is now is not what it was, and it is not forced.
    """
    header = run.header
    decided = launch.decide(
        _as_it_was(wishes, run), say=say, stopwatch=stopwatch, provider=provider
    )
    decided = replace(decided, plan=header.plan)
    found = differing(run, decided)
    if found and not is_forced:
        told = "\n".join(f"  {difference}" for difference in found)
        raise UsageError(
            f"{header.id} cannot go on, since this is not what it began on (then / now):\n{told}",
            remedy="make a new run, or add --force: then the run is marked by it for good",
        )
    return Resumed(run=run, decided=decided, differences=found)


def differing(run: Run, decided: Decided) -> tuple[Difference, ...]:
    """What is not as it was when *run* began: lock, code, host and settings."""
    found: tuple[Difference, ...] = ()
    if run.environment is not None:
        now = environment.known(decided, run.environment.versions)
        found = differences(key(run), key(replace(run, environment=now)))
    if run.header.code != source.digest():
        then = run.header.code or None
        found = (Difference(name="code of the lab", one=then, other=source.digest()), *found)
    return found


def reopen(resumed: Resumed) -> tuple[Store, Remainder]:
    """
    Open the run's directory to go on in it, once this machine is ours.

    Raises:
        UsageError: if somebody else has begun to meanwhile.
    """
    run = read(resumed.run.path)
    store = opened(run, resumed.differences)
    if run.header.status is RunStatus.INTERRUPTED:
        known = {boot.id: boot for boot in run.begun}
        for boot in open_boots(run):
            store.add_boot(known[boot], BootEvent.INTERRUPTED)
    return store, remainder(Run.load(run.path))


def opened(run: Run, found: tuple[Difference, ...] = ()) -> Store:
    """The directory of *run*, to write in once more; *found* is what is not as it was."""
    return Store.reopen(
        run.path,
        run.header,
        Resumption(
            at=datetime.now(UTC),
            command_line=launch.as_typed(),
            code=source.digest(),
            found=run.header.status,
            differences=tuple(map(str, found)),
        ),
    )


def _as_it_was(wishes: Wishes, run: Run) -> Wishes:
    """The wishes of *run*, and beside them what of *wishes* may be another's."""
    header = run.header
    options = dict(zip(header.options[::2], header.options[1::2], strict=True))
    return replace(
        wishes,
        topology=header.topology,
        cells=",".join(dict.fromkeys(str(cell.plain) for cell in header.plan.cells)),
        profile=header.plan.profile,
        controls=Controls.NONE,
        seed=header.plan.seed,
        artefacts=_path(options.get(_ARTEFACTS)),
        lock=_path(options.get(_LOCK)),
    )


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
