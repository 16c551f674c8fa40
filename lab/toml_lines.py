"""Where in a TOML text something stands: what a strict reader says by path, an editor by line."""

from __future__ import annotations

import re
from collections import Counter

_HEADER = re.compile(r"\s*(?P<kind>\[\[?)\s*(?P<name>[A-Za-z0-9_.-]+)\s*\]")
_KEY = re.compile(r"\s*(?P<name>[A-Za-z0-9_-]+)\s*=")
_SYNTAX = re.compile(r"\(at line (?P<line>\d+), column \d+\)")
_PATH = re.compile(r"at `\$(?P<path>[^`]*)`")
_FIELD = re.compile(r"field `(?P<name>[^`]+)`")
_MISSING = "missing required"


def line_of(problem: str, text: str) -> int | None:
    """
    The line of *text*, from 1, that *problem* is about; None where it does not tell.

    Args:
        problem: What msgspec, or tomllib below it, has said: with a line, or with a path as
            ``$.node[0].cpus`` and perhaps the name of a field.
        text: The TOML. Of a value that a table has in its own line, that line is told.
    """
    if match := _SYNTAX.search(problem):
        return int(match["line"])
    path = match["path"] if (match := _PATH.search(problem)) else ""
    places = _places(text)
    if _MISSING not in problem and (match := _FIELD.search(problem)):
        path = f"{path}.{match['name']}"
    while path and path not in places:  # what is in an inline table stands where that does
        path = path[: max(path.rfind("."), path.rfind("["))]
    return places.get(path)


def _places(text: str) -> dict[str, int]:
    """The line of every table and key, by its path as msgspec writes it."""
    found: dict[str, int] = {}
    tables: Counter[str] = Counter()
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _HEADER.match(line):
            table = f".{match['name']}"
            if match["kind"] == "[[":
                tables[table] += 1
                found.setdefault(table, number)
                table = f"{table}[{tables[table] - 1}]"
            found.setdefault(table, number)
        elif match := _KEY.match(line):
            found.setdefault(f"{table}.{match['name']}", number)
    return found
