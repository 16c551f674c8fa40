"""What `lab --help` shows, and every verb's own help, on a terminal of 80 columns."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import pytest

from lab import verbs
from lab.verbs.parser import Group

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = 80


def parsers(
    parser: argparse.ArgumentParser, *names: str
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """*parser* and those of all its verbs, each with what to type for it."""
    yield " ".join(("lab", *names)), parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from parsers(below, *names, name)


EVERY = dict(parsers(verbs.parser()))
VERBS = [name.split()[1] for name in EVERY if name.count(" ") == 1]


def test_every_verb_stands_below_one_group() -> None:
    lines = [line for line in EVERY["lab"].format_help().splitlines() if line]
    titles = [line.strip() for line in lines if line.strip().removesuffix(":") in set(Group)]
    shown = [line.split()[0] for line in lines if line[:4].isspace() and not line[4].isspace()]

    assert titles == [f"{group}:" for group in Group]
    assert sorted(shown) == sorted(VERBS)


@pytest.mark.parametrize("name", EVERY)
def test_help_fits_eighty_columns(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))

    lines = EVERY[name].format_help().splitlines()

    assert [line for line in lines if len(line) > COLUMNS] == []


@pytest.mark.parametrize("name", EVERY)
def test_everything_that_can_be_said_has_a_meaning(name: str) -> None:
    options = [action for action in EVERY[name]._actions if action.option_strings]

    assert EVERY[name].description
    assert [a.option_strings for a in options if not a.help] == []
