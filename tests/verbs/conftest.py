"""A folder to work in, for verbs that look where they are."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, NoReturn

import pytest

from lab import command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to work in, far from the user's own labs; signals are put back afterwards."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    before = signal.getsignal(signal.SIGTERM)
    yield tmp_path
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(args: tuple[str, ...], **_: object) -> NoReturn:
        raise AssertionError(f"{args} was started")

    monkeypatch.setattr(command, "_started", refuse)
