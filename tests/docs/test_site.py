"""The site that `nox -s docs` has made: nothing is loaded from elsewhere, and each link leads."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytestmark = pytest.mark.slow

LOADED = {"src", "srcset", "data", "poster"}
LOADING_LINKS = {"stylesheet", "icon", "preload", "preconnect", "dns-prefetch", "manifest"}


@dataclass
class Found(HTMLParser):
    """What one page loads, where it leads, and to which of its places one can be led."""

    loaded: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    places: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: text or "" for name, text in attrs}
        self.places.update(said[name] for name in ("id", "name") if name in said)
        self.loaded.extend(said[name] for name in LOADED & said.keys())
        if tag == "link" and LOADING_LINKS & set(said.get("rel", "").split()):
            self.loaded.append(said["href"])
        elif tag == "a" and "href" in said:
            self.links.append(said["href"])


@pytest.fixture(scope="module")
def site() -> dict[Path, Found]:
    """By the file: what is in each page."""
    pages = {}
    root = Path(os.environ["LAB_SITE"]).resolve()
    for path in root.rglob("*.html"):
        if path.parent == root / "gallery" and path.name not in {"README.html", "index.html"}:
            continue  # a report, whose run's files are not kept; it has tests of its own
        pages[path] = Found()
        pages[path].feed(path.read_text(encoding="utf-8"))
    assert pages
    return pages


def test_nothing_is_loaded_from_elsewhere(site: dict[Path, Found]) -> None:
    loaded = {what for page in site.values() for what in page.loaded}

    assert {what for what in loaded if urlsplit(what).scheme or urlsplit(what).netloc} == set()


def test_no_style_loads_from_elsewhere(site: dict[Path, Found]) -> None:
    styles = {each for page in site for each in page.parent.rglob("*.css")}

    assert [each for each in styles if "url(http" in each.read_text(encoding="utf-8")] == []


def test_each_link_leads(site: dict[Path, Found]) -> None:
    root = min(site, key=lambda path: len(path.parts)).parent
    for path, page in site.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            # From the root only in 404.html, which a server sends whatever was asked for.
            base = root if parts.path.startswith("/") else path.parent
            named = unquote(parts.path).lstrip("/")
            target = (base / named).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target

            assert target.exists(), f"{path.name}: {link}"
            if parts.fragment and target in site:
                assert unquote(parts.fragment) in site[target].places, f"{path.name}: {link}"
