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

from lab.matrix import DEFAULT_CELLS
from lab.options import OPTIONS, SECTIONS, section_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
STORAGES_BY_DEFAULT = len({cell.storage for cell in DEFAULT_CELLS if cell.network == "macvtap"})
FILES = [ROOT / "lab" / "fixtures.py", *sorted((ROOT / "scenarios").rglob("*.py"))]


def fixtures(path: Path) -> Iterator[ast.FunctionDef]:
    """The fixtures that a file declares."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            made_by = {ast.unparse(each).partition("(")[0] for each in node.decorator_list}
            if "pytest.fixture" in made_by:
                yield node


def asked(home: Path, *questions: str) -> str:
    """What pytest says of the scenarios; it builds nothing and keeps nothing for that."""
    runs = set((ROOT / "results").iterdir())
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "scenarios", "-q", "-p", "no:cacheprovider", *questions],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "LAB_HOME": str(home)},
    )
    assert list(home.iterdir()) == []
    assert set((ROOT / "results").iterdir()) == runs
    return done.stdout


def test_every_option_stands_in_one_section() -> None:
    flags = [flag for section in SECTIONS.values() for flag in section]

    assert sorted(flags) == sorted(option.flag for option in OPTIONS)
    assert {section_of(option) for option in OPTIONS} == set(SECTIONS)


@pytest.mark.program
def test_help_shows_the_sections(tmp_path: Path) -> None:
    said = asked(tmp_path, "--help")

    for title, flags in SECTIONS.items():
        _, _, below = said.partition(f"the lab: {title}:\n")
        shown = re.findall(r"^  (--[a-z-]+)", below.partition("\n\n")[0], re.MULTILINE)
        assert sorted(shown) == sorted(flags)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_fixture_has_a_meaning(path: Path) -> None:
    assert [each.name for each in fixtures(path) if not ast.get_docstring(each)] == []


@pytest.mark.program
def test_pytest_tells_of_the_labs_fixtures(tmp_path: Path) -> None:
    said = asked(tmp_path, "--fixtures")

    for each in fixtures(FILES[0]):
        meaning = (ast.get_docstring(each) or "").splitlines()[0]
        assert re.search(rf"^{each.name}\b.* -- lab/fixtures.py:\d+\n +{re.escape(meaning)}", said,
                         re.MULTILINE)  # fmt: skip


@pytest.mark.program
def test_pytest_chooses_scenarios_by_words_of_cells_and_files(tmp_path: Path) -> None:
    said = asked(
        *(tmp_path, "--topology", "embedded", "-k", "macvtap and parity", "--collect-only"),
        *("--profile", "smoke", "--seed", "1"),
    )

    ids = [line for line in said.splitlines() if "::" in line]
    assert {each.partition("::")[0] for each in ids} == {"scenarios/network/test_parity.py"}
    assert {each.partition("[")[2].partition("+")[0] for each in ids} == {"macvtap"}
    assert len({each.partition("[")[2] for each in ids}) == STORAGES_BY_DEFAULT


@pytest.mark.program
def test_what_is_collected_goes_in_the_order_of_the_seed(tmp_path: Path) -> None:
    wanted = ("-k", "test_mac_is_the_pods", "--collect-only", "--profile", "smoke", "--seed", "7")

    first, second = (asked(tmp_path, *wanted) for _ in range(2))

    assert first.splitlines()[0] == second.splitlines()[0]


@pytest.mark.program
def test_what_does_not_exist_is_said_and_not_collected(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        asked(tmp_path, "--collect-only", "--topology", "embeded")

    assert "did you mean 'embedded'?" in caught.value.stdout


@pytest.mark.program
def test_pytest_tells_of_the_labs_marks(tmp_path: Path) -> None:
    said = asked(tmp_path, "--markers")

    used = {
        ast.unparse(node).removeprefix("pytest.mark.")
        for path in (ROOT / "scenarios").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("pytest.mark.")
    }
    known = set(re.findall(r"^@pytest\.mark\.(\w+)", said, re.MULTILINE))
    assert "storages" in used
    assert used <= known
