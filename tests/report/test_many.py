"""A report of far more cells than the lab has: 500, with those of an extension."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from lab import extensions
from lab.extensions import Extension, Group
from lab.matrix import Network, Runtime, cells_of
from lab.network import MODELS, tcfilter
from lab.outcome import Outcome
from lab.report import html
from tests import fake_answers, fake_run
from tests.fake_run import CONSOLE, FakeRun, Trouble
from tests.report.page import parse
from tests.test_extensions import forget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.matrix import Cell

CELLS = 500
OWN_NETWORKS = 68
"""With the six storages of guests they are what the lab's own 92 cells lack."""

pytestmark = pytest.mark.program


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Cell, ...]]:
    """The lab's own cells, and those of networks that all are tcfilter by another name."""
    module = ModuleType("own_networks")
    vars(module).update(vars(tcfilter) | {"MEANING": "as tcfilter", "EXPECTATIONS": ""})
    monkeypatch.setitem(sys.modules, "own_networks", module)
    monkeypatch.setattr(MODELS, "_loaded", {})
    names = [f"own-{number}" for number in range(OWN_NETWORKS)]
    own = tuple(
        Extension(group=Group.NETWORKS, name=name, place="own_networks", distribution="other 1.0")
        for name in names
    )
    declared = {group: own if group is Group.NETWORKS else () for group in Group}
    monkeypatch.setattr(extensions, "_declared", lambda: declared)
    forget()
    for name in names:
        for known in (fake_answers.BY_NETWORK, fake_run.NETWORK_FACTOR):
            monkeypatch.setitem(known, Network(name), known[Network.TCFILTER])
    made = cells_of(Runtime)
    assert len(made) == CELLS
    yield made
    monkeypatch.undo()
    forget()


def test_a_run_of_500_cells_has_a_place_and_a_page_for_each(cells: tuple[Cell, ...]) -> None:
    source = html.render(FakeRun(cells=cells, is_emulated=False).read())

    document = parse(source)
    assert "0 unsupported; 0 failed" in document.one("h1").text
    pages = document.one("section", id="cells").all("details")
    assert {node.attributes["id"] for node in pages} == {f"cell-{cell}" for cell in cells}
    shown = {place.attributes.get("data-shows") for place in document.all("td")}
    assert shown >= set(map(str, cells))
    assert len(source.encode()) < 10_000_000


def test_500_cells_that_are_all_blocked_are_each_named_once(cells: tuple[Cell, ...]) -> None:
    trouble = {str(cell): Trouble(Outcome.BLOCKED, "no node", console=CONSOLE) for cell in cells}

    run = FakeRun(cells=cells, trouble=trouble).read()

    document = parse(html.render(run))

    assert document.one("h1").text.startswith("Nothing was measured: 0 of ")
    assert f"0 unsupported; {CELLS} failed" in document.one("h1").text
    assert "does not pass" in document.one("p", class_="state").text
    problems = document.one("section", id="failures").all("article")
    assert len(problems) == CELLS
    assert {problem.one("span", class_="tag").text for problem in problems} == {"✗ BLOCKED"}
