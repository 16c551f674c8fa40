"""
A picture of a terminal for the pages: what tmux has captured of one, as SVG that loads nothing.

    tmux capture-pane -e -p | python -m tests.tutorial.terminal TITLE >docs/terminal.svg
"""

from __future__ import annotations

import io
import re
import sys

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

WIDTH = 80
FROM_AFAR = re.compile(r"@font-face \{\{.*?\}\}\n?|<!-- Generated .*?-->\n?", re.DOTALL)
"""Fonts that a browser would fetch, and where rich is from."""


def svg(captured: str, *, title: str) -> str:
    """Draw what was *captured* with its colours, in a font that the reader's machine has."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(captured.rstrip("\n")), soft_wrap=True)
    return console.export_svg(title=title, code_format=FROM_AFAR.sub("", CONSOLE_SVG_FORMAT))


if __name__ == "__main__":
    sys.stdout.write(svg(sys.stdin.read(), title=sys.argv[1]))
