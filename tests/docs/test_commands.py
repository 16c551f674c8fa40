"""Every command in the pages exists, and takes what it is given."""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
from pathlib import Path

import pytest

from lab import verbs
from lab.errors import UsageError
from lab.options import OPTIONS
from tests.docs.commands import PAGES, ROOT, Command, commands

EVERY = list({str(each): each for page in PAGES for each in commands(page)}.values())
SESSIONS = re.findall(r"^def ([a-z]\w+)\(session", (ROOT / "noxfile.py").read_text(), re.MULTILINE)
VERBS = {"matrix", "nightly", "conformance", "doctor"}
"""The sessions that give what they are given to a verb of the lab's."""
PYTESTS = {"--collect-only", "--fixtures", "--help", "-k", "-q", "-x", "--lf", "--junit-xml"}
"""Options of pytest's own."""
BUILTINS = {"cd", "export"}
MADE = ROOT / "docs" / "reference" / "cli.md"
"""Made from the parser itself, in the words of a usage."""


def parsed(words: list[str]) -> None:
    """The lab's own parser takes the *words*; help and the version end it well."""
    try:
        verbs.parser().parse_args(words)
    except UsageError as error:
        pytest.fail(f"`lab {shlex.join(words)}` is refused: {error}")
    except SystemExit as ended:
        if ended.code:
            pytest.fail(f"`lab {shlex.join(words)}` is refused")


def named(text: str) -> None:
    """
    What a sentence calls a command is one: `lab merge`, `lab gc [--dry-run]`, `lab image build`.

    Of several (`lab artefacts lock | fetch`) each is.
    """
    _, *words = re.sub(r"\[[^]]*\]", "", text).split(" | ")[0].split()
    below, path = _verbs(verbs.parser()), list(words)
    while path and below and not path[0].startswith("-"):
        assert path[0] in below, text
        below = _verbs(below[path.pop(0)])
    if path:
        parsed(shlex.split(" ".join(words)))


def _verbs(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    every = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    return dict(every[0].choices) if every else {}


def check(words: list[str]) -> None:
    program, *rest = words
    match Path(program).name:
        case "lab":
            parsed(rest)
        case "run" | "nox":
            session, *arguments = rest[1:] if program == "nox" else rest
            assert session in SESSIONS
            if session in VERBS:
                parsed([session, *(word for word in arguments if word != "--")])
        case "pytest":
            known = {option.flag for option in OPTIONS} | PYTESTS
            assert {word for word in rest if word.startswith("-")} <= known
        case name if name not in BUILTINS:
            assert (ROOT / program).is_file() or shutil.which(name), program


@pytest.mark.parametrize("command", EVERY, ids=str)
def test_it_exists_and_takes_what_it_is_given(command: Command) -> None:
    if not command.is_named:
        check(command.words)
    elif command.page != MADE:
        named(command.text.replace(" --help", ""))


def test_the_first_table_of_verbs_has_each() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    _, _, below = text.partition("| verbs of `lab` | what for |")
    table, _, _ = below.partition("\n\n")
    named = {word for row in table.splitlines() for word in re.findall(r"`(\w+)", row)}

    assert _verbs(verbs.parser()).keys() - {"completion"} <= named


def test_pages_are_read_as_they_are_written(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Say `lab status`.\n\n```console\n$ lab plan \\\n    --seed 1\nits answer\n"
        "$ lab sql 'a\n  b'\n```\n"
        "1. item\n\n    ```sh\n    ./run matrix   # the main job\n    ```\n",
        encoding="utf-8",
    )

    assert [command.words for command in commands(page)] == [
        ["lab", "plan", "--seed", "1"],
        ["lab", "sql", "a\n  b"],
        ["./run", "matrix"],
        ["lab", "status"],
    ]


@pytest.mark.parametrize("line", ["lab matrx", "lab plan --sead 1", "./run matricks", "nox -s no",
                                  "pytest scenarios --topologie x", "nosuchprogram"])  # fmt: skip
def test_a_wrong_command_is_found(line: str) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check(line.split())
