"""
Curves from the tools' own reports, for the eye only: no number in a report is made from them.

Whatever is not a report of a known shape has no curve: these files are read again long after the
run, and none of them decides anything.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.decode import json_as
from lab.report.strip import Axis
from lab.stats.summary import Scale
from lab.units import Unit, format_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from lab.sample import Sample

MOST_POINTS = 120
"""Of a picture, all its lines together."""
MOST_LINES = 3
"""Boots in a picture: the lowest, the middle one and the highest by their value."""
MOST_BYTES = 4_000_000
"""A report that is larger is not read for a picture."""
HEIGHT = 60
FARTHEST = 99.99
"""The last percentile that is drawn."""

_SOCKPERF = re.compile(r"---> percentile ([\d.]+) =\s*([\d.]+)$", re.MULTILINE)
_US, _NS = 1e-6, 1e-9

Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One small picture: lines on common axes."""

    title: str
    kind: str
    """``percentiles`` or ``seconds``."""
    lines: tuple[tuple[str, str], ...]
    """The boot, and the path that is drawn."""
    low: str
    high: str
    """The ends of the upright axis."""
    end: str
    """The right end of the other one."""


def curves(folder: Path, samples: Iterable[Sample]) -> tuple[Curve, ...]:
    """Pictures of the reports that *samples* of one cell were read from."""
    by_report: dict[str, dict[str, Sample]] = defaultdict(dict)
    for sample in samples:
        if sample.raw:
            by_report[sample.raw.rpartition("/")[2]].setdefault(sample.raw, sample)
    made = []
    for mine in by_report.values():
        lines: dict[tuple[str, str, Unit], list[tuple[str, Points]]] = defaultdict(list)
        for sample in _few(list(mine.values())):
            for title, kind, unit, points in read(_text(folder, sample.raw)):
                shown = title or sample.metric.title
                lines[shown, kind, unit].append((_label(sample), points))
        made += [_curve(title, kind, unit, drawn) for (title, kind, unit), drawn in lines.items()]
    return tuple(made)


def read(text: str) -> Iterator[tuple[str, str, Unit, Points]]:
    """Title, kind, unit and points of all that can be drawn of a report."""
    if found := _SOCKPERF.findall(text):
        points = [(float(percent), float(value) * _US) for percent, value in found]
        yield "", "percentiles", Unit.SECOND, sorted(points)
        return
    try:
        document = json_as(text, dict[str, Any])
        yield from _of_iperf3(document)
        yield from _of_fio(document)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError):
        return


def _of_iperf3(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Unit, Points]]:
    points = [
        (float(each["sum"]["end"]), float(each["sum"]["bits_per_second"]))
        for each in document.get("intervals", ())
        if not each["sum"].get("omitted")
    ]
    if len(points) > 1:
        yield "", "seconds", Unit.BIT_PER_SECOND, points


def _of_fio(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Unit, Points]]:
    for job in document.get("jobs", ()):
        for direction, wait in (("read", "clat_ns"), ("write", "clat_ns"), ("sync", "lat_ns")):
            percentiles = job.get(direction, {}).get(wait, {}).get("percentile", {})
            points = sorted((float(at), float(ns) * _NS) for at, ns in percentiles.items())
            if any(value > 0 for _, value in points):
                yield f"{job['jobname']}, {direction}", "percentiles", Unit.SECOND, points


def _few(samples: Sequence[Sample]) -> Sequence[Sample]:
    if len(samples) <= MOST_LINES:
        return samples
    ranked = sorted(samples, key=lambda sample: sample.value)
    return ranked[0], ranked[len(ranked) // 2], ranked[-1]


def _label(sample: Sample) -> str:
    again = f"-a{sample.attempt}" if sample.attempt > 1 else ""
    return f"r{sample.round}{again}"


def _text(folder: Path, name: str | None) -> str:
    path = folder / (name or "")
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
        small = inside and path.is_file() and path.stat().st_size <= MOST_BYTES
        return path.read_text(encoding="utf-8", errors="replace") if small else ""
    except OSError:
        return ""


def _curve(title: str, kind: str, unit: Unit, lines: Sequence[tuple[str, Points]]) -> Curve:
    place = _tail if kind == "percentiles" else float
    drawn = [
        (boot, [(place(x), y) for x, y in _thin(points, kind, len(lines)) if y > 0])
        for boot, points in lines
    ]
    every = [point for _, points in drawn for point in points]
    right = max(x for x, _ in every) or 1.0
    axis = Axis.around([y for _, y in every], Scale.LOG)
    return Curve(
        title=title,
        kind=kind,
        lines=tuple(
            (
                boot,
                " ".join(f"{round(x / right * 120)} {_height(axis, y)}" for x, y in points),
            )
            for boot, points in drawn
            if points
        ),
        low=format_value(axis.low, unit),
        high=format_value(axis.high, unit),
        end=f"p{FARTHEST:g}" if kind == "percentiles" else format_value(right, Unit.SECOND),
    )


def _thin(points: Points, kind: str, lines: int) -> Points:
    """As many as may be drawn, evenly; of percentiles those that are told apart."""
    if kind == "percentiles":
        return [(x, y) for x, y in points if x <= FARTHEST]
    step = math.ceil(len(points) * lines / MOST_POINTS)
    return points[::step]


def _tail(percent: float) -> float:
    """The farther out, the wider: each nine as wide as the one before."""
    return -math.log10(1 - min(percent, FARTHEST) / 100)


def _height(axis: Axis, value: float) -> int:
    """From the top of a picture."""
    share = (axis.place(value) - 4) / 112
    return round(HEIGHT - 2 - share * (HEIGHT - 4))
