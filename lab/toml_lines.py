"""What is wrong with a TOML text, and where: a strict reader says it by types and by paths."""

from __future__ import annotations

import re
from collections import Counter

_HEADER = re.compile(r"\s*(?P<kind>\[\[?)\s*(?P<name>[A-Za-z0-9_.-]+)\s*\]")
_KEY = re.compile(r"\s*(?P<name>[A-Za-z0-9_-]+)\s*=")
_SYNTAX = re.compile(r"\(at line (?P<line>\d+), column \d+\)")
_PATH = re.compile(r"at `\$(?P<path>[^`]*)`")
_FIELD = re.compile(r"field `(?P<name>[^`]+)`")
_MISSING = "missing required"
_AT = re.compile(r" - at `\$(?P<path>[^`]*)`\Z")
_STEP = re.compile(r"\.(?P<name>\w+)(?:\[(?P<number>\d+)\])?")
_TYPES = re.compile(r"Expected `(?P<wanted>[^`]+)`, got `(?P<found>[^`]+)`")
_HAS_FIELD = re.compile(r"Object (?:contains unknown|missing required) field `(?P<name>[^`]+)`")
_WORDS = {
    "int": "a whole number",
    "float": "a number with a point",
    "bool": "true or false",
    "str": "a text in quotes",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
}


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


def in_words(problem: str) -> str:
    """
    Say a *problem* that msgspec has found in the words of whoever writes such a file.

    >>> in_words("Expected `int`, got `str` - at `$.node[0].cpus`")
    'cpus of node 1 must be a whole number, and is a text in quotes'
    >>> in_words("Object missing required field `cpus` - at `$.node[1]`")
    "node 2 lacks the key 'cpus'"
    """
    match = _AT.search(problem)
    path = match["path"] if match else ""
    said = problem[: match.start()] if match else problem
    if match := _TYPES.fullmatch(said):
        wanted, found = (" or ".join(map(_word, each.split(" | "))) for each in match.groups())
        return f"{_named(path)} must be {wanted}, and is {found}"
    if match := _HAS_FIELD.fullmatch(said):
        verb = "lacks the" if _MISSING in said else "has no"
        return f"{_named(path)} {verb} key {match['name']!r}"
    # What is said of a whole table names it.
    return f"{_named(path)}: {said}" if path and not path.endswith("]") else said


def _word(kind: str) -> str:
    return _WORDS.get(kind, kind)


def _named(path: str) -> str:
    """A place as one would call it: ``$.node[0].cpus`` is cpus of node 1."""
    steps = [
        f"{step['name']} {int(step['number']) + 1}" if step["number"] else step["name"]
        for step in _STEP.finditer(path)
    ]
    return " of ".join(reversed(steps)) or "the file"


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
