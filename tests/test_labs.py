"""What is on record of labs."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import msgspec
import pytest

from lab import ledger
from lab.errors import UsageError
from lab.files import hold, state_dir
from lab.labs import (
    Hands,
    LabRecord,
    Mark,
    NodeRecord,
    console_tail,
    find_node,
    hands_of,
    keep,
    labs_dir,
    new_folder,
    records,
)
from lab.owner import Owner, me
from lab.virt.xml import Accelerator
from tests.fakes import DEAD


def node(name: str) -> NodeRecord:
    return NodeRecord(name=name, domain=f"d-{name}", console=f"/c/{name}.log", sockets=f"/s/{name}")


def written(name: str, *nodes: str, age: int = 0, owner: Owner = DEAD) -> LabRecord:
    record = LabRecord(
        id=name, topology="k8s-calico-kata", accelerator=Accelerator.TCG, uri="test:///default",
        nodes=tuple(map(node, nodes)), owner=owner, created="2026-11-23T18:05:12+00:00",
    )  # fmt: skip
    record.folder.mkdir(parents=True)
    (record.folder / "lab.json").write_bytes(msgspec.json.encode(record))
    os.utime(record.folder, (1000 - age, 1000 - age))
    return record


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))


def test_a_machine_without_labs_has_no_records() -> None:
    assert list(records()) == []


def test_labs_are_found_oldest_first_and_one_that_never_began_too() -> None:
    record = written("lab-1", "control-1", "worker-1")
    torn = labs_dir() / "lab-0"
    torn.mkdir()
    os.utime(torn, (1, 1))

    assert list(records()) == [(torn, None), (record.folder, record)]


def test_a_record_of_another_version_of_the_lab_can_still_be_taken_down() -> None:
    folder = labs_dir() / "lab-old"
    folder.mkdir(parents=True)
    (folder / "lab.json").write_text('{"id": "lab-old", "node": "node-1"}')

    assert list(records()) == [(folder, None)]


def test_each_node_of_a_lab_is_found_and_of_the_newest_lab() -> None:
    written("lab-new", "control-1", "worker-1")
    written("lab-old", "worker-1", "worker-2", age=5)
    (labs_dir() / "lab-torn").mkdir()

    assert find_node("control-1") == node("control-1")
    assert find_node("worker-2").reopen().access.sockets.name == "worker-2"
    with pytest.raises(UsageError, match="no lab with a node 'worker-9' is up"):
        find_node("worker-9")


def test_a_lab_says_the_way_to_each_of_its_nodes() -> None:
    record = written("lab-1", "control-1", "worker-1")

    assert record.names == ("control-1", "worker-1")
    assert record.ways_in == ("`lab shell control-1`, `lab shell worker-1`, `lab down` ends it")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "  (nothing was written)"),
        ("", ""),
        ("one\ntwo", "  one\n  two"),
        (
            "".join(f"{number}\n" for number in range(30)),
            "\n".join(f"  {n}" for n in range(10, 30)),
        ),
    ],
)
def test_the_end_of_a_console_is_its_last_twenty_lines(
    tmp_path: Path, text: str | None, expected: str
) -> None:
    if text is not None:
        (tmp_path / "log").write_text(text)

    assert console_tail(tmp_path / "log") == expected


def test_a_console_may_hold_anything(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"\xff\xfe boot\n")

    assert console_tail(tmp_path / "log").endswith(" boot")


def test_a_folder_says_whose_it_is_from_its_first_moment_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Hands] = []
    rename = Path.rename

    def renaming(self: Path, target: Path) -> Path:
        assert list(records()) == []  # what has no name yet is not listed
        renamed = rename(self, target)
        if target.parent == labs_dir():
            seen.extend(hands_of(folder, record) for folder, record in records())
        return renamed

    monkeypatch.setattr(Path, "rename", renaming)

    folder = new_folder("embedded")

    assert seen == [Hands.ALIVE]
    assert folder.name.startswith("lab-embedded-")
    assert Mark.read(folder) == Mark(owner=me(), home=str(state_dir()), lab=folder.name)


def test_a_folder_that_cannot_be_made_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_self: object, _target: object) -> NoReturn:
        raise KeyboardInterrupt

    new_folder("first")
    with monkeypatch.context() as cut:
        cut.setattr(Path, "rename", interrupted)
        with pytest.raises(KeyboardInterrupt):
            new_folder("second")

    assert [path.name.split("-")[1] for path in labs_dir().iterdir()] == ["first"]


def test_a_lab_is_kept_although_its_owner_is_dead() -> None:
    record = written("lab-1", "node-1")
    assert hands_of(record.folder, record) is Hands.DEAD

    kept = keep(record)

    assert kept.is_kept
    assert list(records()) == [(record.folder, kept)]
    assert hands_of(record.folder, kept) is Hands.KEPT


def test_a_lab_in_a_folder_that_was_moved_is_told_by_where_it_is(tmp_path: Path) -> None:
    record = written("lab-1", "node-1", owner=replace(me(), space="1"))
    moved = tmp_path / "moved" / "labs" / "lab-1"
    moved.parent.mkdir(parents=True)
    record.folder.rename(moved)
    with hold(ledger.path_of(record.owner, tmp_path / "moved")):
        assert hands_of(moved, record) is Hands.ALIVE
    assert hands_of(moved, record) is Hands.DEAD


@pytest.mark.parametrize("text", ["", "{", '{"owner": 1}', '{"home": "x"}'])
def test_a_mark_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "owner.json").write_text(text)

    assert Mark.read(tmp_path) is None
