"""A report is one file: it asks nobody for anything, and has nothing to complain of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.report.browser.chromium import Tab

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

    from lab.run import Run
    from tests.report.browser.conftest import Look


def test_nothing_leaves_the_file_whatever_is_done_with_it(look: Look, designed: Run) -> None:
    tab = look(designed)
    page = tab.page

    tab.open_all()
    for box in page.get_by_role("combobox").all():
        for value in box.locator("option").evaluate_all("all => all.map(each => each.value)"):
            box.select_option(value)
    for button in page.get_by_role("button").all():
        button.click()
    page.emulate_media(media="print", color_scheme="dark")
    page.pdf()

    assert tab.requests == []
    assert tab.complaints == []


def test_what_is_looked_for_here_would_be_found(chromium: Browser, tmp_path: Path) -> None:
    file = tmp_path / "leak.html"
    file.write_text(
        "<!doctype html><img src='http://localhost:9/x.png'><script>alert(1);oops()</script>"
    )
    tab = Tab.showing(chromium, file)

    assert tab.requests == ["http://localhost:9/x.png"]
    assert "dialog: 1" in tab.complaints
    assert any("oops" in complaint for complaint in tab.complaints)
    with pytest.raises(AssertionError):
        tab.close()
