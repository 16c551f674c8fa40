"""The command line, from its own parser."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lab import verbs
from lab.options import OPTIONS, Option
from tests.reference.markdown import code, page, table

if TYPE_CHECKING:
    from collections.abc import Iterator

INTRODUCTION = """
`lab` is in `.nox/run/bin` of a checkout, and on the path where it was installed by pip. In a
checkout `./run VERB` and `nox -s VERB` are the same for `matrix`, `nightly`, `conformance` and
`doctor`. Results are in `results/`, of the folder where it is called.

What a status means stands in [Outcomes and exit codes](outcomes.md#exit-codes), what a cell's
name means in [Cells](cells.md).
"""
OF_WHOM = """
Of `matrix` and `nightly`; but for some also of `plan`, `conformance` and `up`, as stands there. And
of pytest, with the scenarios.
"""
RUN = "Options of a run"
OF_A_RUN = {option.name for option in OPTIONS}


def text() -> str:
    """The whole page."""
    whole = verbs.parser()
    parts = [INTRODUCTION.strip(), _options(whole, whole._actions), f"## {RUN}", OF_WHOM.strip()]
    parts.append(table(("option", "meaning"), map(_of_a_run, OPTIONS)))
    for name, parser in _verbs(whole, "lab"):
        parts.extend(_verb(name, parser))
    return page("Command line", *parts)


def _of_a_run(option: Option) -> tuple[str, str]:
    return _said(option.flag, option.metavar or "|".join(option.choices)), option.meaning


def _verbs(
    parser: argparse.ArgumentParser, name: str
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, below in action.choices.items():
                yield f"{name} {word}", below
                yield from _verbs(below, f"{name} {word}")


def _verb(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    said = [_argument(action) for action in parser._actions if not action.option_strings]
    words = " ".join(word for word in said if word)
    takes_a_run = any(action.dest in OF_A_RUN for action in parser._actions)
    yield f"{'#' * (name.count(' ') + 1)} {name}"
    has_options = any(action.option_strings for action in _own(parser))
    line = f"{name} {words} [OPTIONS]" if has_options or takes_a_run else f"{name} {words}"
    yield code(" ".join(line.split()))
    yield parser.description or ""
    if takes_a_run:
        known = {action.dest for action in parser._actions}
        left_out = [code(each.flag) for each in OPTIONS if each.name not in known]
        but = f", but for {', '.join(left_out)}" if left_out else ""
        yield f"Takes the [options of a run](#{RUN.lower().replace(' ', '-')}){but}."
    if _own(parser):
        yield _options(parser, _own(parser))


def _own(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """What it can be told that is not asked of every run."""
    return [
        each for each in parser._actions if each.dest not in OF_A_RUN | {"help"} and _is_told(each)
    ]


def _is_told(action: argparse.Action) -> bool:
    return bool(action.option_strings or (action.help and action.help != argparse.SUPPRESS))


def _options(parser: argparse.ArgumentParser, actions: list[argparse.Action]) -> str:
    told = [each for each in actions if _is_told(each)]
    rows = (
        (
            _said(", ".join(each.option_strings), _value(each))
            if each.option_strings
            else code(_argument(each)),
            (each.help or "") % {"prog": parser.prog, "default": each.default},
        )
        for each in told
    )
    return table(("option", "meaning"), rows)


def _said(flags: str, value: str) -> str:
    return code(f"{flags} {value}".strip())


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    value = action.metavar or "|".join(map(str, action.choices or ())) or action.dest.upper()
    return str(value)


def _argument(action: argparse.Action) -> str:
    """A word of the command line that is no option, as help writes it."""
    if isinstance(action, argparse._SubParsersAction):
        return "VERB" if action.required else "[VERB]"
    name = str(action.metavar or action.dest.upper())
    match action.nargs:
        case "?":
            return f"[{name}]"
        case "+":
            return f"{name} ..."
        case "*":
            return f"[{name} ...]"
        case _:
            return name
