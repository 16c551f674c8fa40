"""What the code says of its own parts, for people: the docstrings, read from their source."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import Enum

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
