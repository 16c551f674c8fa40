"""From what is left of a lab to nothing, by its ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import takedown
from lab.errors import HostError, ProvisionError
from lab.labs import labs_dir
from lab.ledger import Entry, Kind, Ledger
from lab.takedown import take_down

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def ruin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """The ledger of a lab whose process died."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    folder = labs_dir() / "lab-embedded-1"
    folder.mkdir(parents=True)
    return Ledger(folder / "ledger.jsonl")


@pytest.fixture
def undone(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what was undone, in order; what is called stuck will not go."""
    names: list[str] = []

    def undo(entry: Entry) -> None:
        if entry.name == "stuck":
            raise HostError("Device or resource busy", remedy="unmount it")
        names.append(entry.name)

    monkeypatch.setattr(takedown, "_UNDO", dict.fromkeys(Kind, undo))
    return names


def test_what_was_made_last_goes_first(ruin: Ledger, undone: list[str]) -> None:
    for kind, name in zip(Kind, ("first", "second", "third"), strict=False):
        ruin.record(Entry(kind=kind, name=name))

    take_down(ruin.path.parent)

    assert undone == ["third", "second", "first"]
    assert not ruin.path.parent.exists()


def test_what_is_stuck_does_not_save_the_rest_and_stays_on_the_ledger(
    ruin: Ledger, undone: list[str]
) -> None:
    for name in ("first", "stuck", "third"):
        ruin.record(Entry(kind=Kind.FOLDER, name=name))

    with pytest.raises(ProvisionError) as caught:
        take_down(ruin.path.parent)

    assert undone == ["third", "first"]
    assert "folder stuck: Device or resource busy" in caught.value.problem
    assert "lab down lab-embedded-1" in caught.value.remedy
    assert [entry.name for entry in ruin.newest_first()] == ["third", "stuck", "first"]


def test_what_was_stuck_goes_the_next_time(
    ruin: Ledger, undone: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ruin.record(Entry(kind=Kind.FOLDER, name="stuck"))
    with pytest.raises(ProvisionError):
        take_down(ruin.path.parent)

    monkeypatch.setattr(takedown, "_UNDO", {Kind.FOLDER: lambda entry: undone.append(entry.name)})
    take_down(ruin.path.parent)

    assert undone == ["stuck"]
    assert list((tmp_path / "home" / "labs").iterdir()) == []


def test_a_ledger_that_was_torn_is_followed_as_far_as_it_goes(
    ruin: Ledger, undone: list[str]
) -> None:
    ruin.record(Entry(kind=Kind.FOLDER, name="first"))
    with ruin.path.open("a") as stream:
        stream.write('{"kind":"domain","na')

    take_down(ruin.path.parent)

    assert undone == ["first"]
    assert not ruin.path.parent.exists()


def test_a_lab_that_made_nothing_is_forgotten(ruin: Ledger, undone: list[str]) -> None:
    take_down(ruin.path.parent)

    assert undone == []
    assert not ruin.path.parent.exists()


def test_a_folder_that_cannot_be_removed_is_said(ruin: Ledger, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ruin.record(Entry(kind=Kind.FOLDER, name=str(tmp_path / "file" / "folder")))

    with pytest.raises(ProvisionError, match=f"folder {tmp_path}/file/folder: .*Not a directory"):
        take_down(ruin.path.parent)
