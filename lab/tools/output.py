"""What every tool's output is doubted for: that it is there, whole, and of the known shape."""

from __future__ import annotations

from typing import TypeVar

from lab.decode import DecodeError, json_as
from lab.errors import ToolOutputError

T = TypeVar("T")

ENOUGH = 0.95
"""A run that lasted less than this part of what was asked for was cut short."""
TOLERANCE = 0.01
"""How far two figures of one report may differ that should be equal."""
KEPT = "read the tool's own output, which is kept with the run, and run its command by hand"
LONGER = "measure longer: take a larger --profile"


def decode(text: str, kind: type[T], *, tool: str) -> T:
    """
    Read *text* as JSON of the shape *kind*.

    Raises:
        ToolOutputError: if it is empty, cut off, or lacks something that *kind* has.
    """
    if not text.strip():
        raise ToolOutputError(f"{tool} printed nothing", remedy=KEPT)
    try:
        return json_as(text, kind)
    except DecodeError as error:
        raise ToolOutputError(f"{tool}'s report is not whole: {error}", remedy=KEPT) from error


def disagree(one: float, other: float, *, tolerance: float = TOLERANCE) -> bool:
    """Whether two figures that should be equal are not."""
    return abs(one - other) > tolerance * abs(other)
