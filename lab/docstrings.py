"""What the code says of its own parts, for people: the docstrings, read from their source."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from enum import Enum
    from pathlib import Path

_ROLE = re.compile(r":\w+:`~?([^`]+)`")
"""Sphinx's: ``:class:`lab.outcome.Fact```."""


def of_member(member: Enum) -> str:
    """
    What stands below *member* where its class is written; empty if nothing does.

    Python keeps no such docstring: it is read from the source of the class.
    """
    return " ".join(paragraphs(_members(type(member)).get(member.name, "")))


def of_field(kind: type, name: str) -> str:
    """What stands below the field *name* where its class is written; empty if nothing does."""
    return " ".join(paragraphs(_members(kind).get(name, "")))


@dataclass(frozen=True, slots=True)
class Fixture:
    """What a scenario can ask for."""

    name: str
    lives_for: str
    meaning: str


def fixtures(path: Path) -> Iterator[Fixture]:
    """The fixtures that the file *path* declares, in its order; nothing of it is imported."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.FunctionDef):
            continue
        made_by = [ast.unparse(each) for each in node.decorator_list]
        made = next((text for text in made_by if text.startswith("pytest.fixture")), None)
        if made is None:
            continue
        lives_for = "the run" if "scope='session'" in made else "a scenario"
        if lives_for == "the run" and {"boot", "sandbox"} & {each.arg for each in node.args.args}:
            lives_for = "a boot"
        told = " ".join(paragraphs(ast.get_docstring(node) or ""))
        yield Fixture(node.name, lives_for, told)


def paragraphs(docstring: str) -> tuple[str, ...]:
    """The paragraphs of *docstring*, each on a line, without the marks of reStructuredText."""
    plain = _ROLE.sub(r"\1", inspect.cleandoc(docstring)).replace("``", "`")
    return tuple(" ".join(each.split()) for each in plain.split("\n\n") if each.strip())


@cache
def _members(kind: type) -> Mapping[str, str]:
    (written,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    body = written.body if isinstance(written, ast.ClassDef) else []
    found: dict[str, str] = {}
    for statement, after in pairwise(body):
        match statement, after:
            case (
                ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=text)),
            ):
                found[name] = str(text)
    return found
