"""No wait without an end: every call of libvirt's is given up on, and whatever else waits, too."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

LAB = Path(__file__).parents[1] / "lab"
MODULES = sorted(LAB.rglob("*.py"))
GUARDS = {"call", "within"}
"""What does something in a thread, and gives up on it at a deadline."""
WAITS = {"join", "result", "communicate", "acquire"}
BOUNDED = {"timeout", "timeout_s"}
KNOWN = {
    # Ends what was killed at its deadline: its end is sure, and that of its pipes is bounded.
    "command.py": {"communicate"},
    # All of them have ended; and what they do has deadlines of its own.
    "together.py": {"result"},
}


def called(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def guarded(tree: ast.AST) -> set[ast.AST]:
    """All nodes that only run within a deadline: what is handed to a guard, and functions of it."""
    handed = [
        argument
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and called(node) in GUARDS
        for argument in node.args
    ]
    names = {each.id for each in handed if isinstance(each, ast.Name)}
    functions = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name in names
    ]
    return {inner for each in (*handed, *functions) for inner in ast.walk(each)}


def libvirts(tree: ast.AST) -> Iterator[ast.AST]:
    """What may ask libvirt's daemon: all that is done with a raw connection, and opening one."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr="raw", ctx=ast.Load()):
                yield node
            case ast.Call(func=ast.Attribute(value=ast.Name(id="libvirt"), attr="open")):
                yield node


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(LAB)))
def test_libvirt_is_only_asked_within_a_deadline(path: Path) -> None:
    tree = ast.parse(path.read_text())
    if "libvirt" not in path.read_text() or path.parent.name != "virt":
        return
    inside = guarded(tree)

    outside = [node.lineno for node in libvirts(tree) if node not in inside]  # type: ignore[attr-defined]

    assert outside == []


def unbounded(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name = node.func.attr
        has_bound = bool(BOUNDED & {word.arg for word in node.keywords})
        if name in {"result", "wait", "acquire"}:
            has_bound = has_bound or bool(node.args)
        is_text = name == "join" and bool(node.args)  # of a string, a path or a shell line
        if name in {*WAITS, "wait"} and not has_bound and not is_text:
            yield node.lineno, name
        if name == "flock" and "LOCK_NB" not in ast.dump(node) and "LOCK_UN" not in ast.dump(node):
            yield node.lineno, name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(LAB)))
def test_nothing_waits_without_a_deadline(path: Path) -> None:
    known = KNOWN.get(str(path.relative_to(LAB)), set())

    assert [each for each in unbounded(ast.parse(path.read_text())) if each[1] not in known] == []


def test_the_test_finds_what_it_looks_for() -> None:
    bad = "import libvirt\ndef f(c):\n    c.raw.lookupByName('x')\n    libvirt.open('u')\n"
    good = "def f(c):\n    c.call('it', lambda: c.raw.lookupByName('x'))\n"
    waits = "t.join()\nf.result()\nfcntl.flock(s, fcntl.LOCK_EX)\nf.result(3)\n' '.join(x)\n"

    assert (
        len([node for node in libvirts(ast.parse(bad)) if node not in guarded(ast.parse(bad))]) == 2
    )
    tree = ast.parse(good)
    assert [node for node in libvirts(tree) if node not in guarded(tree)] == []
    assert [name for _, name in unbounded(ast.parse(waits))] == ["join", "result", "flock"]
