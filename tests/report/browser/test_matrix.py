"""The matrix by choice: the script writes what the page has said without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.run import Run
    from tests.report.browser.conftest import Look

SAID = "() => [...document.querySelectorAll('#matrix td, #matrix th')].map((e) => e.innerText)"


def words(said: list[str]) -> list[list[str]]:
    """What stands in each place, in whatever order it was put there."""
    return [sorted(each.split()) for each in said]


def test_back_at_the_first_choice_all_is_as_it_was(look: Look, designed: Run) -> None:
    tab = look(designed)
    before = tab.ask(SAID)
    metric, base = tab.page.locator("#metric"), tab.page.locator("#base")
    first = metric.input_value(), base.input_value()

    metric.select_option("start_to_answer")
    base.select_option("control")
    between = tab.ask(SAID)
    metric.select_option(first[0])
    base.select_option(first[1])

    assert between != before
    assert words(tab.ask(SAID)) == words(before)
    assert tab.complaints == []


def test_a_runtime_is_shown_alone_and_the_choice_is_in_the_address(
    look: Look, designed: Run
) -> None:
    tab = look(designed)

    tab.page.locator("#runtime").select_option("kata-go")

    assert tab.page.locator("#matrix tr[data-runtime='reference']:visible").count() == 0
    assert tab.page.locator("#matrix tr[data-runtime='kata-go']:visible").count() == 2
    again = look(designed, at=tab.page.url.partition(".html")[2])
    assert again.page.locator("#runtime").input_value() == "kata-go"
    assert again.page.locator("#matrix tr[data-runtime='reference']:visible").count() == 0
