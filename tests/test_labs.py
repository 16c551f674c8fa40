"""What is on record of labs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec
import pytest

from lab.errors import UsageError
from lab.labs import LabRecord, NodeRecord, console_tail, find_node, labs_dir, records
from lab.virt.xml import Accelerator
from tests.fakes import DEAD

if TYPE_CHECKING:
    from pathlib import Path

    from lab.owner import Owner


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
