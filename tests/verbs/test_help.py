"""What `lab --help` shows, and every verb's own help, on a terminal of 80 columns."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import pytest

from lab import verbs
from lab.cli import main
from lab.options import OPTIONS, WITHOUT
from lab.verbs.completion import SHELLS
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
    said = [a for a in EVERY[name]._actions if not isinstance(a, argparse._SubParsersAction)]

    assert EVERY[name].description
    assert [a.option_strings or a.dest for a in said if not a.help] == []
    words = [str(a.metavar) for a in said if not a.option_strings]
    assert [word for word in words if word not in {word.upper(), "|".join(SHELLS)}] == []


@pytest.mark.parametrize("name", EVERY)
def test_help_has_no_half_of_a_format(name: str) -> None:
    assert "%%" not in EVERY[name].format_help()


@pytest.mark.parametrize(("verb", "flags"), WITHOUT.items())
def test_an_option_without_a_meaning_is_refused(
    verb: str, flags: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    shown = EVERY[f"lab {verb}"].format_help()
    assert len(set(flags)) == len(set(flags) & {option.flag for option in OPTIONS})
    for flag in flags:
        assert flag not in shown
        assert main([verb, flag, "1"]) == 2
        said = capsys.readouterr().err
        assert f"{flag} has no meaning for `lab {verb}`" in said
        assert f"remedy: leave out {flag}" in said
