"""Folders that a step needs while it works."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import pytest

from lab import ledger
from lab.ledger import Kind
from lab.owner import marked, me
from lab.scratch import left_over, scratch
from tests.fakes import DEAD, left_by

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path


def test_it_is_its_owners_alone_and_says_whose_it_is(place: Path) -> None:
    with scratch("tools") as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert folder.parent == place / "tmp"
        assert folder.name.startswith("kata-lab-tools-")
        assert marked(folder.name) == me()

    assert not folder.exists()


def test_among_the_labs_own_it_is_hidden(place: Path) -> None:
    with scratch("building", among=place / "images") as folder:
        assert folder.parent == place / "images"
        assert folder.name.startswith(".building-")


def test_it_is_in_the_ledger_before_it_is_there(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[tuple[Kind, str]] = set()
    make = type(place).mkdir

    def mkdir(self: Path, mode: int = 0o777, **how: bool) -> None:
        if marked(self.name) and not self.exists():
            seen.update((entry.kind, entry.name) for entry in ledger.own().newest_first())
        make(self, mode, **how)

    monkeypatch.setattr(type(place), "mkdir", mkdir)

    with scratch("tools") as folder:
        assert seen == {(Kind.FOLDER, str(folder))}


def test_it_is_gone_after_a_failure_with_all_that_is_in_it(place: Path) -> None:
    def fail() -> None:
        with scratch("tools") as folder:
            (folder / "deep" / "er").mkdir(parents=True)
            (folder / "link").symlink_to("/")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert list((place / "tmp").iterdir()) == []


def test_what_is_moved_out_of_the_way_is_not_missed(place: Path) -> None:
    with scratch("preparing", among=place) as folder:
        folder.rename(place / "ready")

    assert (place / "ready").is_dir()


def test_only_what_the_dead_have_left_is_left_over(place: Path) -> None:
    dead = left_by(DEAD, place, ".building")
    left_by(me(), place, ".building")
    (place / ".lock").touch()
    (place / "node-1f").mkdir()

    assert list(left_over(place)) == [dead]
    assert list(left_over(place / "nowhere")) == []
