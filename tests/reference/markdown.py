"""Markdown as the generated pages are written in."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MADE = "<!-- Made from the code by `nox -s docs -- --write`; do not edit it. -->"


def page(title: str, *parts: str) -> str:
    """A whole page."""
    return "\n\n".join((MADE, f"# {title}", *parts)) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; what would end a cell is written otherwise."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def code(text: object) -> str:
    """*text* as code, in a line; nothing of nothing. A bar in it would end the cell of a table."""
    if "|" in str(text):
        return f"<code>{html.escape(str(text)).replace('|', '&#124;')}</code>"
    return f"`{text}`" if str(text) else ""


def block(text: str, kind: str = "text") -> str:
    """*text* as it stands."""
    return f"```{kind}\n{text.rstrip()}\n```"


def plain(text: str) -> str:
    """What a docstring says, without the marks of reStructuredText."""
    named = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)
    return " ".join(named.replace("``", "`").split())


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
