"""What a scenario can ask for, and what pytest users type: from the fixtures and the marks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lab import docstrings, pytest_plugin
from tests.reference.markdown import block, code, page, table

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
LABS = ROOT / "lab" / "fixtures.py"
SCENARIOS = ROOT / "scenarios"
INTRODUCTION = """
Scenarios are pytest's. It takes the [options of a run](cli.md#options-of-a-run) there, `-k` and
ids are made of cells, and `-x`, `--lf` and `--junit-xml` are what they are elsewhere. An id is the
cell, as in `test_mac_is_the_pods[tcfilter+virtiofs+reference]`; with more than one round it is the
boot, and ends with the round: `[tcfilter+virtiofs+reference-r2]`.
"""
EXAMPLE = """
$ pytest scenarios --topology embedded -k 'macvtap and parity'
$ pytest scenarios --topology embedded -k 'macvtap and parity' --collect-only
$ pytest scenarios --fixtures
$ lab scenarios --fixtures
"""
ORDER = "Boot by boot, in the order of the plan. What ends a sandbox comes last in it: {}."
OUTSIDE = """
Collecting alone builds nothing and keeps nothing. Outside of a checkout the folder is that of
the installed lab: `pytest "$(lab scenarios)"`.
"""


def text() -> str:
    """The whole page."""
    parts = [
        INTRODUCTION.strip(),
        block(EXAMPLE.strip(), "console"),
        OUTSIDE.strip(),
        "## Fixtures of the lab",
        table(("fixture", "lives for", "what it is"), _fixtures(LABS)),
        "## Fixtures of the scenarios",
        "Each for what is in its folder and below.",
    ]
    for path in sorted(SCENARIOS.rglob("conftest.py")):
        rows = list(_fixtures(path))
        parts.append(f"### {path.parent.relative_to(ROOT)}")
        parts.append(table(("fixture", "lives for", "what it is"), rows))
    parts.extend(
        (
            "## Marks",
            table(("mark", "meaning"), _marks()),
            "## The order of scenarios",
            ORDER.format(", ".join(map(code, pytest_plugin.ENDING))),
        )
    )
    return page("Scenarios and pytest", *parts)


def _fixtures(path: Path) -> Iterator[tuple[str, str, str]]:
    for each in docstrings.fixtures(path):
        yield code(each.name), each.lives_for, each.meaning


def _marks() -> Iterator[tuple[str, str]]:
    for line in pytest_plugin.MARKS:
        name, _, meaning = line.partition(": ")
        yield code(name), meaning
