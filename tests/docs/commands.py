"""The commands that a page tells its readers to type."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = (
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "README.md",
    ROOT / "SECURITY.md",
    ROOT / "results" / "README.md",
)
BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<kind>console|sh)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
SPAN = re.compile(r"(?<!`)`(lab [^`]+)`(?!`)")
"""A command of the lab's within a sentence."""
PROMPT = "$ "


@dataclass(frozen=True, slots=True)
class Command:
    """One command line of a page."""

    page: Path
    text: str
    is_named: bool = False
    """Whether it stands in a sentence, which may only name a verb."""

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {' '.join(self.text.split())}"

    @property
    def words(self) -> list[str]:
        """As a shell would split it; what a comment says is none of them."""
        return shlex.split(self.text.replace("\\\n", " "), comments=True)


def commands(page: Path) -> Iterator[Command]:
    """Every command of *page*: of blocks for a console, and those of the lab's in its sentences."""
    text = page.read_text(encoding="utf-8")
    for block in BLOCK.finditer(text):
        lines = (line.removeprefix(block["indent"]) for line in block["text"].splitlines())
        for line in _typed(list(lines), is_prompted=block["kind"] == "console"):
            yield Command(page, line)
    for span in SPAN.finditer(text):
        yield Command(page, " ".join(span[1].split()), is_named=True)


def _typed(lines: list[str], *, is_prompted: bool) -> Iterator[str]:
    """The lines that are typed, each with what it goes on with."""
    whole = ""
    for line in lines:
        if whole:
            whole += f"\n{line}"
        elif not is_prompted:
            whole = line
        elif line.startswith(PROMPT):
            whole = line.removeprefix(PROMPT)
        if whole.strip() and _is_whole(whole):
            yield whole
            whole = ""


def _is_whole(text: str) -> bool:
    if text.endswith("\\"):
        return False
    try:
        shlex.split(text, comments=True)
    except ValueError:  # a quotation that goes on
        return False
    return True
