"""
The tutorial as a transcript: commands, what they printed, and what is said between them.

A block of commands is a ```console block; a line of it that begins with ``$ `` is typed, others
were printed. Before a block may stand how it is played::

    <!-- play: slow last=6 makes=2026-11-24T12-00-00-smoke -->

``slow``: it boots a node, or installs something. ``first=N`` and ``last=N``: of what is printed
only these lines are kept; ``...`` stands for the rest. ``loose``: what is printed depends on what
was measured, so only its first line is compared. ``status=N``: how each command ends.
``makes=RUN``: the run that it leaves, which a recording writes there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
PROMPT = "$ "
LEFT_OUT = "..."
BLOCK = re.compile(
    r"(?:<!-- play:(?P<how>[^>]*) -->\n\n?)?```console\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
RUN = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-[a-z]+(?:-\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command, with what it printed when it was recorded."""

    command: str
    printed: tuple[str, ...]
    is_slow: bool = False
    is_loose: bool = False
    first: int | None = None
    last: int | None = None
    status: int = 0
    makes: str = ""

    def cut(self, printed: Sequence[str]) -> tuple[str, ...]:
        """What of *printed* the page keeps."""
        if self.first is None and self.last is None:
            return tuple(printed)
        first, last = self.first or 0, self.last or 0
        if len(printed) <= first + last:
            return tuple(printed)
        return (*printed[:first], LEFT_OUT, *printed[len(printed) - last :])


def steps(text: str) -> Iterator[Step]:
    """Every command of the page's blocks, in order."""
    for block in BLOCK.finditer(text):
        how = _how(block["how"] or "")
        lines = block["text"].splitlines()
        starts = [number for number, line in enumerate(lines) if line.startswith(PROMPT)]
        if not starts or starts[0] != 0:
            raise ValueError(f"a block begins with {lines[:1]}, and not with a command")
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            command, printed = _split(lines[start:end])
            yield replace(how, command=command, printed=printed)


def written(text: str, played: Iterable[Step], *, runs: Mapping[str, str]) -> str:
    """The page with what the steps that were *played* have printed, and its *runs* as named now."""
    rest = iter(played)

    def block(found: re.Match[str]) -> str:
        count = sum(line.startswith(PROMPT) for line in found["text"].splitlines())
        mine = [next(rest) for _ in range(count)]
        lines = [line for step in mine for line in (f"{PROMPT}{step.command}", *step.printed)]
        body = "\n".join(("```console", *lines, "```"))
        if found["how"] is None:
            return body
        made = " ".join(step.makes for step in mine if step.makes)
        how = " ".join(word for word in found["how"].split() if not word.startswith("makes="))
        how = f"{how} makes={made}" if made else how
        return f"<!-- play: {how} -->\n\n{body}"

    return renamed(BLOCK.sub(block, text), runs)


def renamed(text: str, runs: Mapping[str, str]) -> str:
    """*text* with the names of runs that *runs* gives."""
    return RUN.sub(lambda found: runs.get(found[0], found[0]), text)


def _split(lines: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """A command, which may go on after a backslash, and what it printed."""
    end = 1
    while lines[end - 1].endswith("\\") and end < len(lines):
        end += 1
    return "\n".join(lines[:end]).removeprefix(PROMPT), tuple(lines[end:])


def _how(text: str) -> Step:
    step = Step(command="", printed=())
    for word in text.split():
        name, _, value = word.partition("=")
        match name:
            case "slow":
                step = replace(step, is_slow=True)
            case "loose":
                step = replace(step, is_loose=True)
            case "first":
                step = replace(step, first=int(value))
            case "last":
                step = replace(step, last=int(value))
            case "status":
                step = replace(step, status=int(value))
            case "makes":
                step = replace(step, makes=value)
            case _:
                raise ValueError(f"play: {word!r} is none of its words")
    return step
