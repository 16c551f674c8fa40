"""A headless Chromium, and what it asks for and complains of while it shows a report."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from lab.system import Purpose, browser_needs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

DESK = (1280, 900)
PHONE = (380, 800)
SHEET = (1031, 703)
"""A4 landscape less margins of 12 mm, in CSS pixels: 273 x 186 mm at 96 to the inch."""


def lacking() -> str:
    """What these tests miss here, and what brings it; empty if they miss nothing."""
    missing = [] if find_spec("playwright") else ["playwright"]
    missing += [] if _program() else ["Chromium"]
    return f"there is no {' and no '.join(missing)} here: run ./run browser" if missing else ""


@contextmanager
def started() -> Iterator[Browser]:
    """The distribution's Chromium; playwright would bring one of its own only if it were asked."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - not in every environment

    with sync_playwright() as playwright:
        # As root Chromium has no sandbox; what is shown here is our own.
        browser = playwright.chromium.launch(
            executable_path=_program(), chromium_sandbox=False, args=["--disable-quic"]
        )
        yield browser
        browser.close()


def _program() -> str | None:
    (need,) = (need for need in browser_needs() if need.purpose is Purpose.BROWSER)
    return next(filter(None, map(shutil.which, need.proofs)), None)


@dataclass
class Tab:
    """A report on the screen."""

    page: Page
    url: str
    requests: list[str] = field(default_factory=list)
    """Every request but the one for the file itself."""
    complaints: list[str] = field(default_factory=list)
    """Errors and warnings on the console, exceptions, dialogs."""

    @classmethod
    def showing(
        cls,
        browser: Browser,
        file: Path,
        *,
        at: str = "",
        scripts: bool = True,
        size: tuple[int, int] = DESK,
        scheme: str = "light",
        media: str | None = None,
    ) -> Tab:
        """Open *file*, at a place in it; whatever it asks for is refused."""
        width, height = size
        context = browser.new_context(
            java_script_enabled=scripts,
            viewport={"width": width, "height": height},
            color_scheme=scheme,
        )
        page = context.new_page()
        tab = cls(page, file.as_uri())
        page.route("**/*", tab._answer)
        page.on("console", tab._listen)
        page.on("pageerror", lambda error: tab.complaints.append(str(error)))
        page.on("dialog", tab._dismiss)
        if media:
            page.emulate_media(media=media)
        page.goto(tab.url + at)
        return tab

    def close(self) -> None:
        """What a report may never do is asked at the end of every test."""
        self.page.context.close()
        assert not self.requests
        assert not self.complaints

    def open_all(self) -> None:
        """Open every page of a cell, and whatever else is folded."""
        self.page.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")

    def ask(self, script: str, argument: object = None) -> Any:  # noqa: ANN401 - whatever it is
        """What *script* says of the page."""
        return self.page.evaluate(script, argument)

    @property
    def text(self) -> str:
        """What is to be read, as it is laid out."""
        return str(self.page.locator("body").inner_text())

    def _answer(self, route: Any) -> None:  # noqa: ANN401 - playwright's
        url = route.request.url.partition("#")[0]
        if url == self.url:
            route.continue_()
        else:
            self.requests.append(url)
            route.abort()

    def _listen(self, message: Any) -> None:  # noqa: ANN401 - playwright's
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def _dismiss(self, dialog: Any) -> None:  # noqa: ANN401 - playwright's
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()
