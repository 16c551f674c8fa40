"""Without scripts, on a telephone and on paper nothing is lost."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING
from unicodedata import normalize

import pytest

from lab.units import format_value
from tests.fake_run import sized
from tests.report.browser.chromium import PHONE, SHEET, Tab

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lab.run import Run
    from tests.report.browser.conftest import Look

UNREADABLE = """() => [...document.querySelectorAll("table, tr, td, th")].filter((each) => {
  const box = each.getBoundingClientRect();
  return !each.checkVisibility({ visibilityProperty: true, opacityProperty: true })
    || (each.textContent.trim() && !(box.width > 0 && box.height > 0));
}).map((each) => each.outerHTML.slice(0, 120))"""
CUT = """(width) => [...document.querySelectorAll("body *")].filter((each) => {
  const style = getComputedStyle(each), box = each.getBoundingClientRect();
  if (!box.width || !each.checkVisibility() || style.clipPath !== "none") return false;
  const hides = style.overflowX !== "visible" && each.scrollWidth > each.clientWidth + 1;
  return hides || box.right > width + 1 || box.left < -1;
}).map((each) => each.outerHTML.slice(0, 160))"""
INK = """() => getComputedStyle(document.body).color
  .match(/[0-9.]+/g).slice(0, 3).map(Number).reduce((sum, each) => sum + each, 0) / 765"""


@pytest.fixture(scope="module")
def wide() -> Run:
    """Twenty boots, many metrics: the widest tables that a profile asks for."""
    return sized(cells=3, metrics=40, boots=20).read()


def words_of_values(run: Run, *cells: str) -> set[str]:
    """The numbers and the units of all that was measured of *cells*."""
    values = [each for each in run.samples if each.cell in cells]
    return {word for each in values for word in format_value(each.value, each.metric.unit).split()}


def test_every_value_can_be_read_without_scripts(look: Look, troubled: Run) -> None:
    tab = look(troubled, scripts=False)
    matrix = tab.page.locator("#matrix")
    assert matrix.is_visible()
    assert matrix.get_by_text("bit/s").count() > 5

    for summary in tab.page.locator("summary").all():
        summary.click()

    for cell in troubled.header.plan.cell_names:
        text = tab.page.locator(f"[id='cell-{cell}']").inner_text().split()
        assert words_of_values(troubled, cell) - set(text) == set()
    assert tab.ask(UNREADABLE) == []


def test_nothing_that_needs_scripts_is_offered_without_them(look: Look, troubled: Run) -> None:
    page = look(troubled, scripts=False).page

    assert page.get_by_role("combobox").count() == 0
    assert page.get_by_role("button").count() == 0


@pytest.mark.parametrize("name", ["smoke", "designed", "kata", "wide"])
@pytest.mark.parametrize("scripts", [True, False])
def test_a_telephone_scrolls_one_way_only(
    look: Look, request: pytest.FixtureRequest, name: str, *, scripts: bool
) -> None:
    tab = look(request.getfixturevalue(name), size=PHONE, scripts=scripts)

    tab.open_all()

    assert tab.ask("() => document.scrollingElement.scrollWidth") <= PHONE[0]


@pytest.mark.parametrize("name", ["designed", "kata", "wide"])
def test_paper_cuts_nothing(look: Look, request: pytest.FixtureRequest, name: str) -> None:
    tab = look(request.getfixturevalue(name), size=SHEET, media="print")

    assert tab.ask(CUT, SHEET[0]) == []


@pytest.mark.parametrize("scripts", [True, False])
def test_paper_is_a4_landscape_and_has_every_cells_page(
    look: Look, motley: Run, picture: Callable[[str], Path], *, scripts: bool
) -> None:
    from pypdf import PdfReader  # noqa: PLC0415 - not in every environment

    tab = look(motley, scripts=scripts)

    data = tab.page.pdf(prefer_css_page_size=True)

    picture(f"print{'' if scripts else '-no-scripts'}.pdf").write_bytes(data)
    pages = PdfReader(io.BytesIO(data)).pages
    assert [round(float(size)) for size in pages[0].mediabox[2:]] == [842, 595]
    text = normalize("NFKC", " ".join(" ".join(page.extract_text() for page in pages).split()))
    values = words_of_values(motley, *motley.header.plan.cell_names)
    assert {normalize("NFKC", value) for value in values} - set(text.split()) == set()
    assert {cell for cell in motley.header.plan.cell_names if cell not in text} == set()


@pytest.mark.parametrize(
    ("scheme", "media", "is_dark"),
    [("light", "screen", False), ("dark", "screen", True), ("dark", "print", False)],
)
def test_it_is_dark_on_screens_where_the_reader_wants_it(
    look: Look, designed: Run, scheme: str, media: str, *, is_dark: bool
) -> None:
    tab = look(designed, scheme=scheme, media=media)

    lightness = tab.ask(INK)

    assert lightness > 0.85 if is_dark else lightness < 0.15


PICTURES: dict[str, dict[str, object]] = {
    "light": {},
    "dark": {"scheme": "dark"},
    "no-scripts": {"scripts": False},
    "narrow": {"size": PHONE},
    "narrow-dark": {"size": PHONE, "scheme": "dark"},
    "print": {"size": SHEET, "media": "print"},
}


@pytest.mark.parametrize("how", PICTURES)
def test_pictures_are_taken(
    look: Callable[..., Tab], designed: Run, picture: Callable[[str], Path], how: str
) -> None:
    tab = look(designed, **PICTURES[how])
    tab.page.locator("summary").nth(1).click()

    file = picture(f"{how}.png")
    tab.page.screenshot(path=file, full_page=True)

    assert file.read_bytes().startswith(b"\x89PNG")
