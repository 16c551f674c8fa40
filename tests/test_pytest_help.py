"""What pytest itself tells of the lab: its options in groups, and each fixture with its meaning."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.options import OPTIONS, SECTIONS, section_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
FILES = [ROOT / "lab" / "fixtures.py", *sorted((ROOT / "scenarios").rglob("*.py"))]


def fixtures(path: Path) -> Iterator[ast.FunctionDef]:
    """The fixtures that a file declares."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            made_by = {ast.unparse(each).partition("(")[0] for each in node.decorator_list}
            if "pytest.fixture" in made_by:
                yield node


def asked(question: str, home: Path) -> str:
    """What pytest says of the scenarios; it decides and builds nothing for that."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "scenarios", "-q", "-p", "no:cacheprovider", question],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "LAB_HOME": str(home)},
    )
    assert list(home.iterdir()) == []
    return done.stdout


def test_every_option_stands_in_one_section() -> None:
    flags = [flag for section in SECTIONS.values() for flag in section]

    assert sorted(flags) == sorted(option.flag for option in OPTIONS)
    assert {section_of(option) for option in OPTIONS} == set(SECTIONS)


def test_help_shows_the_sections(tmp_path: Path) -> None:
    said = asked("--help", tmp_path)

    for title, flags in SECTIONS.items():
        _, _, below = said.partition(f"the lab: {title}:\n")
        shown = re.findall(r"^  (--[a-z-]+)", below.partition("\n\n")[0], re.MULTILINE)
        assert sorted(shown) == sorted(flags)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_fixture_has_a_meaning(path: Path) -> None:
    assert [each.name for each in fixtures(path) if not ast.get_docstring(each)] == []


def test_pytest_tells_of_the_labs_fixtures(tmp_path: Path) -> None:
    said = asked("--fixtures", tmp_path)

    for each in fixtures(FILES[0]):
        meaning = (ast.get_docstring(each) or "").splitlines()[0]
        assert re.search(rf"^{each.name}\b.* -- lab/fixtures.py:\d+\n +{re.escape(meaning)}", said,
                         re.MULTILINE)  # fmt: skip
