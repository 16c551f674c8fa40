from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from lab.report import html
from tests.report.browser.chromium import Tab, lacking, started

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

    from lab.run import Run

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    mine = [item for item in items if HERE in item.path.parents]
    for item in mine:
        item.add_marker("browser")
    if lacking():
        config.hook.pytest_deselected(items=mine)
        items[:] = [item for item in items if item not in mine]


def pytest_report_collectionfinish() -> str:
    """One line instead of one a test. Where nothing else was asked for, pytest fails besides."""
    reason = lacking()
    return f"not asking a browser about the report: {reason}" if reason else ""


class Look(Protocol):
    """Opens the report of a run; what is taken besides is :meth:`Tab.showing`'s."""

    def __call__(
        self,
        run: Run,
        *,
        at: str = "",
        scripts: bool = True,
        size: tuple[int, int] = ...,
        scheme: str = "light",
        media: str | None = None,
    ) -> Tab: ...


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with started() as browser:
        yield browser


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Run], Path]:
    """Writes the report of a run, once."""
    root = tmp_path_factory.mktemp("reports")
    files: dict[int, tuple[Run, Path]] = {}

    def write(run: Run) -> Path:
        if id(run) not in files:
            file = root / f"{len(files)}.html"
            file.write_text(html.render(run), encoding="utf-8")
            files[id(run)] = (run, file)  # the run is kept: its id stays its own
        return files[id(run)][1]

    return write


@pytest.fixture
def look(chromium: Browser, written: Callable[[Run], Path]) -> Iterator[Look]:
    tabs: list[Tab] = []

    def look(run: Run, **how: object) -> Tab:
        tab = Tab.showing(chromium, written(run), **how)  # type: ignore[arg-type]  # as Look says
        tabs.append(tab)
        return tab

    yield look
    for tab in tabs:
        tab.close()


@pytest.fixture
def picture(tmp_path: Path) -> Callable[[str], Path]:
    """Where a picture of that name is kept: where LAB_PICTURES says, for somebody to look at."""
    folder = Path(os.environ.get("LAB_PICTURES") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return lambda name: folder / name
