"""For everybody: what axe can find, and what can be done with a keyboard alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.report.browser.chromium import DESK, PHONE, Tab

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.run import Run
    from tests.report.browser.conftest import Look

CONTROLS = """() => {
  const all = [...document.querySelectorAll("a[href], button, select, input, summary, [tabindex]")];
  const usable = all.filter((each) => each.tabIndex >= 0 && !each.disabled
    && each.checkVisibility({ visibilityProperty: true }));
  usable.forEach((each, number) => { each.dataset.number = number; });
  return usable.map((each) => each.outerHTML.slice(0, 120));
}"""
FOCUSED = """() => {
  const at = document.activeElement;
  if (at === document.body) return null;
  const style = getComputedStyle(at), box = at.getBoundingClientRect();
  return {
    number: Number(at.dataset.number ?? -1),
    name: at.outerHTML.slice(0, 120),
    outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1,
    seen: box.width > 0 && box.height > 0 && box.right > 0 && box.left < innerWidth
      && box.bottom > 0 && box.top < innerHeight,
  };
}"""
MORE_THAN_ENOUGH = 2000


CONTRAST = "color-contrast"
"""Nearly all of axe's time: asked once a scheme."""
ALL: Mapping[str, object] = {}
ONLY_CONTRAST = {"runOnly": [CONTRAST]}
ALL_BUT_CONTRAST = {"rules": {CONTRAST: {"enabled": False}}}


def violations(tab: Tab, what: Mapping[str, object] = ALL) -> str:
    """What axe finds fault with, and where; empty if with nothing."""
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - not everywhere

    found = Axe().run(tab.page, options={"resultTypes": ["violations"], **what})
    return str(found.generate_report()) if found.violations_count else ""


@pytest.mark.parametrize(
    ("scheme", "size", "what"),
    [
        ("light", DESK, ALL),
        ("dark", DESK, ONLY_CONTRAST),
        ("light", PHONE, ALL_BUT_CONTRAST),
    ],
    ids=["light", "dark", "telephone"],
)
def test_axe_finds_nothing(
    look: Look, motley: Run, scheme: str, size: tuple[int, int], what: Mapping[str, object]
) -> None:
    tab = look(motley, scheme=scheme, size=size)

    tab.open_all()

    assert violations(tab, what) == ""


def test_axe_finds_nothing_without_scripts(look: Look, motley: Run) -> None:
    """The page's own: axe is a script too."""
    tab = look(motley)

    tab.page.set_content(re.sub("(?s)<script>.*?</script>", "", tab.page.content()))

    assert violations(tab, ALL_BUT_CONTRAST) == ""


@pytest.mark.parametrize(
    ("what", "fault"),
    [(ALL, "color-contrast"), (ONLY_CONTRAST, "color-contrast"), (ALL_BUT_CONTRAST, "image-alt")],
)
def test_axe_would_find_something(
    look: Look, motley: Run, what: Mapping[str, object], fault: str
) -> None:
    tab = look(motley)

    tab.page.set_content("<p style='color:#ccc;background:#fff'>pale</p><img src='data:,'>")

    assert fault in violations(tab, what)


def test_the_keyboard_reaches_every_control_and_is_seen_there(look: Look, motley: Run) -> None:
    tab = look(motley)
    tab.page.locator("details").first.locator("summary").press("Enter")
    tab.page.mouse.click(1, 1)

    controls = tab.ask(CONTROLS)
    reached = {}
    for _ in range(MORE_THAN_ENOUGH):
        tab.page.keyboard.press("Tab")
        focused = tab.ask(FOCUSED)
        if focused is None or focused["number"] in reached:
            break
        reached[focused["number"]] = focused

    assert [name for number, name in enumerate(controls) if number not in reached] == []
    assert [each["name"] for each in reached.values() if not each["outlined"]] == []
    assert [each["name"] for each in reached.values() if not each["seen"]] == []


def test_the_metric_is_chosen_by_keyboard_and_kept_in_the_address(
    look: Look, troubled: Run
) -> None:
    tab = look(troubled)
    box = tab.page.get_by_label("metric", exact=True)
    caption = tab.page.locator("#matrix caption")
    before = caption.inner_text()

    box.press("ArrowDown")

    chosen = box.evaluate("box => box.selectedOptions[0].textContent.trim()")
    assert chosen in caption.inner_text()
    assert caption.inner_text() != before
    again = look(troubled, at=tab.page.url.partition(".html")[2])
    assert chosen in again.page.locator("#matrix caption").inner_text()


def test_a_cells_page_is_opened_by_keyboard_and_by_its_address(look: Look, smoke: Run) -> None:
    tab = look(smoke)
    page = tab.page.locator("details").nth(1)

    page.locator("summary").press("Enter")

    assert page.get_by_role("table").first.is_visible()
    name = page.get_attribute("id")
    again = look(smoke, at=f"#{name}")
    assert again.page.locator(f"[id='{name}']").get_by_role("table").first.is_visible()
