"""
The index over a folder of runs: what the nights to come need of each, so that it is read once.

Nothing is in the index that is not in the runs. It is thrown away where it does not fit, and made
anew from the directories; a run whose files have changed is read again.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from lab.comparability import key
from lab.decode import DecodeError, json_as
from lab.errors import LabError
from lab.files import locked, write_atomic
from lab.history.night import SCHEMA_VERSION, Entry, Level, Night
from lab.run import Run
from lab.store import ENVIRONMENT, HEADER, LAST, SAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from lab.sample import Sample

INDEX = "history.jsonl"
LOCK = ".history.lock"
NIGHT = "nightly.json"
_READ_FROM = (HEADER, ENVIRONMENT, SAMPLES, NIGHT)
DIGITS = 7
"""Of a logarithm: a ten-millionth of a value is less than any tool tells apart."""
TELLING = ("host_steal", "host_foreign_cpu", "node_steal", "node_foreign_cpu")
"""The noise without which nobody knows whether a boot was disturbed."""


class _Head(msgspec.Struct, frozen=True):
    """The first line of the index."""

    schema: int


def open_history(root: Path, *, say: Callable[[str], None]) -> tuple[Entry, ...]:
    """
    What is known of the runs in *root*, oldest first; the index is brought up to date.

    A run that cannot be read is said, and left out.
    """
    if not root.is_dir():
        return ()
    with locked(root / LOCK):
        kept = {entry.run: entry for entry in _kept(root / INDEX)}
        entries = []
        for path in sorted(header.parent for header in root.glob(f"*/{HEADER}")):
            if path.name == LAST:
                continue
            known = kept.get(path.name)
            if known is not None and known.stamp == stamp(path):
                entries.append(known)
                continue
            try:
                entries.append(entry_of(Run.load(path)))
            except LabError as error:
                say(f"left out of the history: {path.name}: {error.problem}")
        entries.sort(key=lambda entry: (entry.created, entry.run))
        if entries != list(kept.values()):
            _write(root / INDEX, entries)
    return tuple(entries)


def entry_of(run: Run) -> Entry:
    """What is kept of *run*."""
    found = key(run) if run.environment else None
    return Entry(
        run=run.path.name,
        stamp=stamp(run.path),
        created=run.header.created,
        topology=run.header.topology,
        status=run.header.status,
        facts=dict(found.facts) if found else {},
        metrics=dict(found.metrics) if found else {},
        profile=run.header.plan.profile,
        design=run.header.plan.design,
        levels=levels(run.valid_samples),
        night=read_night(run.path),
    )


def read_night(path: Path) -> Night | None:
    """What the run in the directory *path* told as a night; None if it was none."""
    file = path / NIGHT
    if not file.exists():
        return None
    try:
        night = json_as(file.read_bytes(), Night)
    except DecodeError:
        return None
    return night if night.schema == SCHEMA_VERSION else None


def write_night(path: Path, night: Night) -> None:
    """Record in the directory of its first stage what a night told."""
    write_atomic(path / NIGHT, msgspec.json.format(msgspec.json.encode(night), indent=1) + b"\n")


def levels(samples: Sequence[Sample]) -> dict[str, dict[str, Level]]:
    """The boots' values, by cell and metric: logarithms, without what was disturbed."""
    from lab.analysis.boots import judged  # noqa: PLC0415 - scipy: only a new run is read

    unknown = {
        (sample.cell, sample.metric.name)
        for sample in samples
        if any(sample.noise.get(name) is None for name in TELLING)
    }
    found: dict[str, dict[str, Level]] = defaultdict(dict)
    for (cell, metric), series in judged(samples).series.items():
        found[cell][metric] = Level(
            better=series.metric.better,
            rounds={
                number: round(math.log(value), DIGITS)
                for number, value in series.boots.items()
                if value > 0 and math.isfinite(value)
            },
            is_noise_known=(cell, metric) not in unknown,
        )
    return dict(found)


def stamp(path: Path) -> tuple[int, ...]:
    """What changes when a file does that an entry is read from."""
    found: list[int] = []
    for name in _READ_FROM:
        file = path / name
        about = file.stat() if file.exists() else None
        found += (about.st_size, about.st_mtime_ns) if about else (-1, -1)
    return tuple(found)


def _kept(path: Path) -> tuple[Entry, ...]:
    """The entries of the index; none of one that is torn, missing, or of another schema."""
    try:
        head, *lines = path.read_bytes().splitlines()
        if json_as(head, _Head).schema != SCHEMA_VERSION:
            return ()
        return tuple(json_as(line, Entry) for line in lines)
    except (OSError, ValueError):  # of which what cannot be decoded is one
        return ()


def _write(path: Path, entries: Iterable[Entry]) -> None:
    lines = [msgspec.json.encode(_Head(SCHEMA_VERSION)), *map(msgspec.json.encode, entries)]
    write_atomic(path, b"\n".join(lines) + b"\n")
