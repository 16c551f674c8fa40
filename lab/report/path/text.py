"""The picture as plain text, for a terminal."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab.report.path.graph import State
from lab.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lab.report.path.graph import DataPath, Hop, Lane, Zone

ZONE = 14
NAME = 19
LEAST_WIDTH = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Pens:
    """What the picture is drawn with."""

    border: str
    crossing: str
    line: str
    dashed: str
    signs: dict[State, str]
    between: str
    letters: dict[int, str] = field(default_factory=dict)
    """What is written instead of what is not in its alphabet."""

    def of(self, text: str) -> str:
        """*text* as it is written: on one line, and no longer afterwards."""
        return " ".join(clean(text).translate(self.letters).split())


BOXES = Pens(
    border="─",
    crossing="┼",
    line="│",
    dashed="┊",
    signs={State.SEEN: "●", State.PASSED: "│", State.UNREAD: "○", State.ALARM: "✗"},
    between=" · ",
)
ASCII = Pens(
    border="-",
    crossing="+",
    line="|",
    dashed=":",
    signs={State.SEEN: "*", State.PASSED: "|", State.UNREAD: "o", State.ALARM: "X"},
    between="; ",
    letters=str.maketrans({"…": "..."}),
)


def path_text(path: DataPath, width: int = 80, *, is_ascii: bool = False) -> str:
    """
    Draw *path* in lines of at most *width* characters (60 at least).

    A hop is a sign on an upright line; the zones that the line crosses lie below each other. With
    *is_ascii*, nothing but ASCII is written.
    """
    pens, width = ASCII if is_ascii else BOXES, max(width, LEAST_WIDTH)
    lines = _packed([path.machine], pens, width)
    lines += [line for alarm in path.alarms for line in _alarm(alarm, pens, width)]
    for lane in path.lanes:
        lines += ["", *_lane(lane, pens, width)]
    for note in path.notes:
        lines += ["", *_packed([note], pens, width)]
    text = "\n".join(line.rstrip() for line in lines) + "\n"
    return text.encode("ascii", "replace").decode() if is_ascii else text


def _lane(lane: Lane, pens: Pens, width: int) -> Iterator[str]:
    yield lane.title
    for number, (zone, hops) in enumerate(lane.zones):
        if number:
            yield f"{pens.border * ZONE}{pens.crossing}{pens.border * (width - ZONE - 1)}"
        for index, hop in enumerate(hops):
            line = pens.dashed if hop.state is State.UNREAD else pens.line
            below = " " if hop is lane.hops[-1] else line
            yield from _hop(hop, zone if index == 0 else None, pens, below=below, width=width)


def _hop(hop: Hop, zone: Zone | None, pens: Pens, *, below: str, width: int) -> Iterator[str]:
    room = width - ZONE - 2
    name, told = pens.of(hop.name), _packed(hop.said, pens, room - NAME)
    if len(name) < NAME:
        first, *more = told or [""]
        lines = [f"{name:<{NAME}}{first}", *(f"{'':<{NAME}}{line}" for line in more)]
    else:
        lines = [name[:room], *(f"{'':<{NAME}}{line}" for line in told)]
    for alarm in hop.alarms:
        lines += _alarm(alarm, pens, room)
    for number, line in enumerate(lines):
        left, sign = (zone or "", pens.signs[hop.state]) if number == 0 else ("", below)
        yield f"{left:<{ZONE}}{sign} {line}"


def _alarm(text: str, pens: Pens, width: int) -> list[str]:
    told = f"{pens.signs[State.ALARM]} does not hold: {pens.of(text)}"
    return textwrap.wrap(told, width, subsequent_indent="  ", break_on_hyphens=False)


def _packed(details: Iterable[str], pens: Pens, width: int) -> list[str]:
    """Lines of details: one is broken only where it does not fit into a line of its own."""
    lines: list[str] = []
    for detail in map(pens.of, details):
        if lines and len(lines[-1]) + len(pens.between) + len(detail) <= width:
            lines[-1] += f"{pens.between}{detail}"
        else:
            lines += textwrap.wrap(detail, width, break_on_hyphens=False)
    return lines
