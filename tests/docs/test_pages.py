"""The pages as a whole: each is in the site's menu, and what they point to is there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.docs.commands import PAGES, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCS = ROOT / "docs"
OUTSIDE_THE_SITE = DOCS / "examples"
LINK = re.compile(r"\]\((?!https?:)(?P<file>[^)#]*)(?:#(?P<place>[^)]*))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def menu() -> Iterator[str]:
    """The pages in the site's menu."""
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    yield from _pages(site["nav"])


def _pages(entry: object) -> Iterator[str]:
    match entry:
        case str():
            yield entry
        case list():
            for each in entry:
                yield from _pages(each)
        case dict():
            for each in entry.values():
                yield from _pages(each)


def places(page: Path) -> set[str]:
    """What a link can lead to within *page*: its headings, as both renderers name them."""
    titles = HEADING.findall(page.read_text(encoding="utf-8"))
    plain = (re.sub(r"[^\w\- ]", "", title.lower()) for title in titles)
    return {re.sub(r" +", "-", title.strip()) for title in plain}


def test_every_page_is_in_the_menu_once() -> None:
    pages = [page for page in PAGES if page.is_relative_to(DOCS)]
    inside = [page for page in pages if not page.is_relative_to(OUTSIDE_THE_SITE)]

    assert sorted(menu()) == sorted(str(page.relative_to(DOCS)) for page in inside)


def test_the_reference_is_called_in_the_menu_as_its_pages_are() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    (listed,) = (each["Reference"] for each in nav if "Reference" in each)

    for entry in listed:
        for name, page in entry.items():
            (title, *_) = HEADING.findall((DOCS / page).read_text(encoding="utf-8"))
            assert title == name


def test_the_first_page_leads_to_each() -> None:
    links = LINK.finditer((DOCS / "index.md").read_text(encoding="utf-8"))

    assert {link["file"] for link in links if link["file"].endswith(".md")} == set(menu()) - {
        "index.md"
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_points_to_is_there(page: Path) -> None:
    for link in LINK.finditer(page.read_text(encoding="utf-8")):
        target = page.parent / link["file"] if link["file"] else page

        assert target.exists(), link[0]
        assert not link["place"] or link["place"] in places(target), link[0]
        if page.is_relative_to(DOCS):
            assert target.resolve().is_relative_to(DOCS), f"{link[0]} leaves the site"
