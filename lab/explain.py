"""
`lab explain`: what a cell is, how it is wired, what is expected of it, and what was last seen.

Nothing is said here that is not said elsewhere: what a cell is stands in the docstrings of its
model, its backend and its runtime, what is expected of it in ``expectations.toml``, and its path
is drawn from the evidence of the newest run that has any.
"""

from __future__ import annotations

import difflib
import sys
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from lab import docstrings, expectations
from lab.cluster.kata import release_of
from lab.errors import UsageError
from lab.matrix import KATA, Cell, Runtime, Variant, control_of, every_cell
from lab.network import MODELS
from lab.outcome import Outcome
from lab.report.path import path_of
from lab.run import Run
from lab.runtime import kinds, pods
from lab.storage import BACKENDS
from lab.storage.backend import Snapshotter, Volume
from lab.store import HEADER, LAST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from enum import Enum
    from pathlib import Path

    from lab.expectations import Expectation, Expected
    from lab.report.path import DataPath

AXES = 3
WILDCARDS = set("*?[")
ALL_NAMES = "a cell is network+storage+runtime: `lab completion --names cells` has all"
NEAR = 4
"""How many names a wrong one is answered with."""
EXAMPLE = "POD"
"""What stands for a sandbox's name where the wiring is shown without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the newest run that has tried a cell has seen of it."""

    run: str
    is_emulated: bool | None
    """None if the run ended before it was on record."""
    counts: Mapping[Outcome, int]
    """Of scenarios, over all boots of the cell; only what there was."""
    reasons: tuple[tuple[Outcome, str], ...]
    """Why something was no PASS, each once."""
    boot: str = ""
    """The boot that the path was read of."""
    path: DataPath | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that is known of a cell."""

    cell: Cell
    axes: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Its network, storage and runtime, and what its variant is for: axis, name, paragraphs."""
    control: Cell | None
    """What it is read against."""
    version: str | None
    """Of Kata, that the expectations are about; None without Kata."""
    expected: Expected
    elsewhere: tuple[Expectation, ...]
    """What is expected of it in other versions of Kata."""
    seen: Seen | None
    """None if no run has tried it."""
    wiring: tuple[str, ...]
    """The lab's own commands for such a path; empty where one was read, or there is no guest."""


def explain(name: str, results: Path) -> Explanation:
    """
    Gather what is known of the cell *name*; its runs are those in *results*.

    Raises:
        UsageError: if there is no such cell, with near names.
        StoreError: if the newest run with it is damaged.
    """
    cell = find(name)
    version = release_of(cell.runtime).version if cell.runtime in KATA else None
    known = expectations.load()
    expected = known.of(cell.plain, version=version)
    seen = last_seen(cell, results)
    return Explanation(
        cell=cell,
        axes=tuple(_axes(cell)),
        control=cell.plain if not cell.is_plain else control_of(cell),
        version=version,
        expected=expected,
        elsewhere=tuple(
            line
            for line in known.lines
            if line.runtime is cell.runtime
            and (cell.network in line.network or cell.storage in line.storage)
            and line not in expected.lines
        ),
        seen=seen,
        wiring=() if seen and seen.path else tuple(_wiring(cell)),
    )


def find(name: str) -> Cell:
    """
    The cell that is called *name*.

    Raises:
        UsageError: if there is none, with near names.
    """
    name = name.strip()
    known = {
        str(cell.of(variant)): cell.of(variant) for cell in every_cell() for variant in Variant
    }
    if name in known:
        return known[name]
    # Who has not written a fourth part means no variant.
    among = [each for each, cell in known.items() if cell.is_plain or name.count("+") > AXES - 1]
    if set(name) & WILDCARDS:
        alike = [each for each in among if fnmatchcase(each, name)][:NEAR]
        hint = f"name one, as {' or '.join(alike)}; " if alike else ""
        raise UsageError(
            f"{name!r}: explain takes one cell, without wildcards", remedy=f"{hint}{ALL_NAMES}"
        )
    near = difflib.get_close_matches(name, among, n=NEAR, cutoff=0.4)
    hint = f"did you mean {', '.join(near)}? " if near else ""
    raise UsageError(f"there is no cell {name!r}", remedy=f"{hint}{ALL_NAMES}")


def last_seen(cell: Cell, results: Path) -> Seen | None:
    """
    What the newest run in *results* that has tried *cell* has seen of it.

    Raises:
        StoreError: if that run is damaged.
    """
    named = f'"{cell}"'.encode()
    for header in sorted(results.glob(f"*/{HEADER}"), reverse=True):
        # Reading a run takes its time: only one that names the cell is read.
        if header.parent.name == LAST or named not in header.read_bytes():
            continue
        if seen := _seen_in(Run.load(header.parent), cell):
            return seen
    return None


def _seen_in(run: Run, cell: Cell) -> Seen | None:
    records = [record for record in run.outcomes if record.cell == str(cell)]
    boots = [boot.id for boot in run.order if boot.cell_name == str(cell)]
    paths = ((boot, path_of(run.evidence.get(boot, ()))) for boot in reversed(boots))
    boot, path = next(((boot, path) for boot, path in paths if path), ("", None))
    if not records and path is None:
        return None
    reasons = {
        (record.outcome, record.reason): None
        for record in records
        if record.outcome is not Outcome.PASS and record.reason
    }
    counts = Counter(record.outcome for record in records)
    return Seen(
        run=run.header.id,
        is_emulated=run.environment.is_emulated if run.environment else None,
        counts={outcome: number for outcome in Outcome if (number := counts[outcome])},
        reasons=tuple(reasons),
        boot=boot,
        path=path,
    )


def _axes(cell: Cell) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What the code says of each part of *cell*: of a control, what it has instead of a guest's."""
    network = MODELS.get(cell.network)
    backend = BACKENDS[cell.storage] if cell.runtime is not Runtime.RUNC else None
    yield "network", cell.network, _said(cell.network, network)
    snapshotter = backend.SNAPSHOTTER if backend else Snapshotter(cell.storage)
    prepared = docstrings.of_member(snapshotter)
    yield "storage", cell.storage, (*(_said(cell.storage, backend) if backend else ()), prepared)
    module = sys.modules[kinds.KINDS[cell.runtime].__module__]
    yield "runtime", cell.runtime, _said(cell.runtime, module)
    if not cell.is_plain:
        yield "variant", cell.variant, (docstrings.of_member(cell.variant),)


def _said(member: Enum, module: object | None) -> tuple[str, ...]:
    """What is said of *member*, and of the module that makes it; its name is known already."""
    told = docstrings.paragraphs(module.__doc__ or "") if module else ()
    every = (docstrings.of_member(member), *told)
    return tuple(_without_name(each, member.value) for each in every if each)


def _without_name(text: str, name: str) -> str:
    """*text* without the name that it begins with: it was said."""
    left = text.removeprefix(f"{name}: ")
    return text if left == text else f"{left[0].upper()}{left[1:]}"


def _wiring(cell: Cell) -> Iterator[str]:
    """What the reference runtime runs for such a path, and Kata does in its own code."""
    if cell.runtime is Runtime.RUNC:
        return
    pod = pods.custom(EXAMPLE, 0)
    model, backend = MODELS[cell.network], BACKENDS[cell.storage]
    volume = Volume(
        snapshotter=backend.SNAPSHOTTER,
        key=EXAMPLE,
        mount=("mount", "/dev/mapper/SNAPSHOT"),
        folder=pod.folder,
    )
    yield "on the node:"
    yield from (f"  {line}" for line in model.wire(pod))
    yield "QEMU:"
    yield f"  -netdev {model.tap(pod).netdev}"
    yield from (f"  {word}" for word in _by_option(backend.qemu(volume)))
    yield "in the guest:"
    yield from (f"  {line}" for line in backend.mount())


def _by_option(words: tuple[str, ...]) -> Iterator[str]:
    """QEMU's arguments, each option with its value."""
    line = ""
    for word in words:
        if word.startswith("-") and line:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    yield line
