"""Runs of no cell and of very many, runs that failed, and runs that mean harm."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec
import pytest

from lab.matrix import Cell
from lab.outcome import Evidence, Fact, Outcome
from tests.fake_run import CHECKS, CONSOLE, FakeRun, Trouble, sized
from tests.report.browser.chromium import DESK, PHONE
from tests.report.conftest import DAX

if TYPE_CHECKING:
    from lab.run import Run
    from tests.report.browser.conftest import Look

TAG = "</script></style></pre><script>alert(1)</script><img src=x onerror=alert(2)>"
HOSTILE = f"{TAG}\x1b[31mred\x1b[0m\x00\x9b\u202ederahs\u2066'\"`&amp;${{1}}{{{{2}}}}"
DECENT = f"{TAG}redderahs'\"`&amp;${{1}}{{{{2}}}}"
LONG = "no-place-to-break-" * 400
NAMES = 'it\'s "quoted" & <b>.json'
INVISIBLE = r"""() => {
  const bad = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
  const found = bad.test(document.documentElement.textContent) ? ["text"] : [];
  for (const each of document.querySelectorAll("*")) {
    for (const { name, value } of each.attributes) if (bad.test(value)) found.push(name);
  }
  return found;
}"""


OUT_OF_ITS_CELL = """() => [...document.querySelectorAll('#matrix td *')]
  .filter((each) => each.getBoundingClientRect().right
    > each.closest('td').getBoundingClientRect().right + 1)
  .map((each) => each.className + ': ' + each.textContent.slice(0, 40))"""
"""What of the matrix lies on another cell than its own."""


def test_no_cell_at_all(look: Look) -> None:
    tab = look(sized(cells=0).read())

    assert tab.page.locator("h1").inner_text().startswith("Nothing was measured")
    assert tab.page.locator("details[id^='cell-']").count() == 0


@pytest.mark.usefixtures("more_variants")
@pytest.mark.parametrize("cells", [1, 12, 500])
def test_each_cell_has_its_page_whatever_their_number(look: Look, cells: int) -> None:
    run = sized(cells=cells, metrics=4).read()
    tab = look(run)

    sentence = tab.page.locator("h1").inner_text()
    assert "measured" in sentence
    assert "0 failed" in sentence
    assert tab.page.locator("details[id^='cell-']").count() == cells
    places = tab.page.locator("#matrix td[data-shows]").count()
    assert places == len(run.header.plan.plain_cells)
    assert tab.ask("() => document.scrollingElement.scrollWidth") <= DESK[0]


def test_all_failed(look: Look) -> None:
    cells = sized(cells=12).cells
    blocked = {
        str(cell): Trouble(Outcome.BLOCKED, "the node was lost", console=CONSOLE) for cell in cells
    }
    tab = look(FakeRun(cells=cells, trouble=blocked).read())

    sentence = tab.page.locator("h1").inner_text()
    assert sentence.startswith("Nothing was measured")
    assert "12 failed" in sentence
    assert tab.page.locator("#matrix").get_by_text("BLOCKED").count() == 12
    assert tab.page.get_by_text("Kernel panic").first.is_visible()


def test_only_unsupported(look: Look) -> None:
    cells = [Cell.parse(name) for name in DAX]
    tab = look(FakeRun(cells=cells, trouble=DAX).read())

    sentence = tab.page.locator("h1").inner_text()
    assert sentence.startswith("Nothing was measured")
    assert "5 unsupported" in sentence
    assert "0 failed" in sentence
    assert tab.page.locator("#matrix").get_by_text("UNSUPPORTED").count() == 5


@pytest.fixture(scope="module")
def hostile() -> Run:
    """Harm wherever a run has text that came from a guest, a tool, or a file's name."""
    trouble = {
        "none+9p+reference": Trouble(
            Outcome.FAIL, HOSTILE, scenario=CHECKS[0], console=(HOSTILE, LONG)
        ),
        "none+virtiofs+reference": Trouble(Outcome.UNSUPPORTED, LONG),
    }
    run = FakeRun(trouble=trouble, rounds=2).read()
    assert run.environment is not None
    bad = {HOSTILE: HOSTILE, "long": LONG}
    return dataclasses.replace(
        run,
        header=msgspec.structs.replace(
            run.header, id=HOSTILE, topology=HOSTILE, command_line=(HOSTILE, LONG)
        ),
        environment=msgspec.structs.replace(
            run.environment,
            accelerator_reason=HOSTILE,
            host=bad,
            versions=bad,
            knobs=bad,
            images=bad,
        ),
        samples=tuple(
            msgspec.structs.replace(
                each,
                metric=msgspec.structs.replace(
                    each.metric, name=each.metric.name + HOSTILE, title=HOSTILE + LONG[:200]
                ),
                scenario=each.scenario + HOSTILE,
                raw=f"raw/{each.boot}/{NAMES}",
            )
            for each in run.samples
        ),
        evidence={
            boot: tuple(_harmful(evidence) for evidence in kept)
            for boot, kept in run.evidence.items()
        },
        warnings=(HOSTILE, LONG),
    )


def _harmful(evidence: Evidence) -> Evidence:
    fact = Fact(subject=HOSTILE, source=HOSTILE, expected=LONG, observed=HOSTILE, holds=True)
    return msgspec.structs.replace(evidence, facts=(*evidence.facts, fact))


def test_harm_is_shown_as_what_it_is_and_does_nothing(look: Look, hostile: Run) -> None:
    tab = look(hostile)

    tab.open_all()

    assert DECENT in tab.text
    assert tab.ask("() => document.querySelectorAll('img, iframe, object, embed').length") == 0
    assert tab.ask("() => document.scripts.length") <= 2
    assert tab.ask(INVISIBLE) == []
    assert tab.complaints == []


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "telephone"])
def test_a_very_long_line_makes_nothing_wider(
    look: Look, hostile: Run, size: tuple[int, int]
) -> None:
    tab = look(hostile, size=size)

    tab.open_all()

    assert tab.ask("() => document.scrollingElement.scrollWidth") <= size[0]


def test_why_there_is_no_value_stays_in_its_cell(look: Look) -> None:
    """Seen of kata-rs: a word as long as a container's id made it lie on its neighbours."""
    reason = f"boot3 left 2487 /opt/kata/bin/containerd-shim-kata-v2 -id {'d321' * 16} behind"
    tab = look(FakeRun(trouble={"none+virtiofs+reference": Trouble(Outcome.FAIL, reason)}).read())

    assert tab.page.locator("#matrix .why").count() >= 1
    assert tab.ask(OUT_OF_ITS_CELL) == []


def test_a_value_leads_to_its_report_whatever_that_is_called(look: Look, hostile: Run) -> None:
    page = look(hostile).page.locator("details[id='cell-none+9p+reference']")
    page.locator("summary").click()

    links = page.get_by_role("table").first.get_by_role("link").all()

    assert links
    for link in links:
        address = link.evaluate("a => decodeURIComponent(a.pathname)")
        assert address.endswith(f"/{NAMES}")
        assert "/raw/none+9p+reference-r" in address
