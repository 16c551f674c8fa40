"""Pictures of data paths for the pages, as SVG: of evidence that was recorded of real sandboxes."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from lab.report.path import State
from lab.text import clean
from tests.report.path.recorded import CELLS, drawn, evidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.report.path import DataPath, Hop, Lane

WIDTH, LANE, MARGIN = 820, 390, 10
LINE, ZONE_LINE, GAP = 15, 26, 9
INDENT, LETTERS = 22, 50
"""Pixels before a hop's words; letters that fit into a lane's line."""
STYLE = """
svg { background: #fff; font: 12px ui-monospace, "DejaVu Sans Mono", monospace; fill: #1b1f24 }
.lane { font-weight: bold; font-size: 14px } .zone { fill: #57606a; font-size: 11px }
.name { font-weight: bold } line { stroke: #57606a; stroke-width: 1.5 } .border { stroke: #d0d7de }
circle { fill: #0969da; stroke: #0969da; stroke-width: 1.5 }
.passed circle { fill: #8c959f; stroke: #8c959f }
.unread circle { fill: none; stroke-dasharray: 2 2 } .unread { fill: #57606a }
.alarm circle { fill: #cf222e; stroke: #cf222e } .alarm { fill: #a40e26 }
"""


@dataclass(frozen=True, slots=True)
class Part:
    """What was drawn of a lane: elements, and where the next one begins."""

    elements: tuple[str, ...]
    end: int


def pictures() -> dict[str, str]:
    """By the cell: its picture."""
    return {cell: svg(drawn(evidence(cell)), title=f"Data path of {cell}") for cell in CELLS}


def svg(path: DataPath, *, title: str) -> str:
    """The picture of *path*; whoever cannot see it is read the *title* and all words."""
    lanes = [
        _lane(lane, left=MARGIN + number * (LANE + MARGIN))
        for number, lane in enumerate(path.lanes)
    ]
    below = max(lane.end for lane in lanes) + LINE
    words = [f"{path.machine}, read {path.phase} the measurements", *path.notes, *path.alarms]
    lines = [line for text in words for line in textwrap.wrap(clean(text), 2 * LETTERS)]
    elements = [element for lane in lanes for element in lane.elements]
    elements += [
        _text(MARGIN, below + LINE * number, line, "zone") for number, line in enumerate(lines)
    ]
    height = below + LINE * len(lines)
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE.strip()}</style>",
            *elements,
            "</svg>\n",
        )
    )


def _lane(lane: Lane, *, left: int) -> Part:
    elements = [_text(left, 2 * MARGIN, lane.title, "lane")]
    place, before = 2 * MARGIN + 4, 0
    for zone, hops in lane.zones:
        place += ZONE_LINE
        elements.append(_line(left, place - 16, left + LANE - MARGIN, place - 16, "border"))
        elements.append(_text(left + INDENT, place, zone, "zone"))
        place += 4
        for hop in hops:
            place += LINE + 2
            centre = place - 4
            if before:
                elements.insert(0, _line(left + 8, before, left + 8, centre, "path"))
            before = centre
            words = [hop.name, *_details(hop)]
            elements.append(f'<g class="{hop.state}"><circle cx="{left + 8}" cy="{centre}" r="5"/>')
            for number, word in enumerate(words):
                kind = "detail" if number else "name"
                elements.append(_text(left + INDENT, place + number * LINE, word, kind))
            elements.append("</g>")
            place += (len(words) - 1) * LINE + GAP - 4
    return Part(tuple(elements), place)


def _details(hop: Hop) -> Iterator[str]:
    said = (*hop.said, *(f"✗ {alarm}" for alarm in hop.alarms))
    if hop.state is State.PASSED:
        said = ("passes by", *said)
    yield from textwrap.wrap(" · ".join(clean(each) for each in said), LETTERS)


def _text(x: int, y: int, words: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(words)}</text>'


def _line(x1: int, y1: int, x2: int, y2: int, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'
