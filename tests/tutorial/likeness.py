"""Whether two transcripts say the same, but for what is another each time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.tutorial.page import LEFT_OUT, RUN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.tutorial.page import Step

PLACEHOLDERS = (
    (RUN, "RUN"),
    (re.compile(r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b"), "MAC"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"), "ADDRESS"),
    (re.compile(r"\bcali[0-9a-f]{11}\b"), "VETH"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{12,64}\b"), "DIGEST"),
    (re.compile(r"\b(?:\d+ h )?(?:\d+ min )?\d+(?:\.\d+)? m?s\b|\b\d+ min\b"), "TIME"),
    (re.compile(r"\d+(?:[.  ]\d+)*"), "N"),
)
"""In this order: a run's name holds numbers, too."""


def shape(line: str) -> str:
    """*line* with names for what is another each time, and one space between words."""
    for pattern, name in PLACEHOLDERS:
        line = pattern.sub(name, line)
    return " ".join(line.split())


def differences(step: Step, printed: Sequence[str]) -> list[str]:
    """What *step* has printed this time and not on the page, and the other way round."""
    recorded = [shape(line) for line in step.printed]
    now = [shape(line) for line in step.cut(printed)]
    if step.is_loose:
        recorded, now = recorded[:1], now[:1]
    if recorded == now:
        return []
    return [
        f"$ {step.command}",
        *(f"- {line}" for line in recorded if line not in now and line != LEFT_OUT),
        *(f"+ {line}" for line in now if line not in recorded and line != LEFT_OUT),
    ] + ([] if set(recorded) != set(now) else ["the same lines in another order, or number"])
