"""`lab up` and `lab down` make things as they are wished, and say where they are so already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from lab import campaign, labs, status, takedown
from lab.cli import main
from lab.labs import LabRecord, NodeRecord
from lab.loader import load_topology
from lab.owner import me
from lab.virt.xml import Accelerator
from tests.fakes import DEAD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lab.options import Wishes

SHAPE = load_topology("embedded").digest


def record(name: str, **other: object) -> LabRecord:
    """Put a lab on record that was left up, and whose node runs."""
    usual = {
        "id": name, "topology": "embedded", "accelerator": Accelerator.TCG, "uri": "test:///default",
        "nodes": (NodeRecord(name="node-1", domain=name, console="/c.log", sockets="/s"),),
        "owner": DEAD, "created": "2026-11-23T18:05:12+00:00", "is_kept": True, "shape": SHAPE,
    }  # fmt: skip
    made = LabRecord(**{**usual, **other})  # type: ignore[arg-type] # by name
    made.folder.mkdir(parents=True)
    labs.write_record(made)
    return made


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def brought_up(home: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was brought up instead of a machine."""
    del home
    found: list[str] = []

    def bring_up_alone(wishes: Wishes, *, say: Callable[[str], None]) -> LabRecord:
        say("starting")
        found.append(wishes.topology)
        return record("lab-new")

    monkeypatch.setattr(campaign, "bring_up_alone", bring_up_alone)
    monkeypatch.setattr(status, "running", lambda record: record.names)
    return found


def test_what_is_up_is_not_brought_up_again(
    brought_up: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    record("lab-a")

    assert main(["up"]) == 0

    said = "nothing to do: lab-a is up: `lab shell node-1`, `lab down` ends it\n"
    assert (capsys.readouterr().out, brought_up) == (said, [])


@pytest.mark.parametrize(
    "other",
    [
        {"shape": "another"},
        {"shape": ""},
        {"topology": "k8s-single"},
        {"is_kept": False},
        pytest.param({"is_kept": False, "owner": me()}, id="of this process"),
        {"accelerator": Accelerator.KVM},
    ],
    ids=str,
)
def test_what_is_another_one_does_not_stand_for_it(
    brought_up: list[str], other: dict[str, object]
) -> None:
    record("lab-a", **other)

    assert main(["up", "--accel", "tcg"]) == 0
    assert brought_up == ["embedded"]


def test_a_lab_that_lost_its_node_makes_room_for_another(
    brought_up: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = record("lab-a")
    down: list[Path] = []
    monkeypatch.setattr(status, "running", lambda _record: ())
    monkeypatch.setattr(takedown, "take_down", down.append)

    assert main(["up"]) == 0
    assert (down, brought_up) == ([old.folder], ["embedded"])
    assert "lab-a is taken down: node-1 of it runs no more" in capsys.readouterr().out


@pytest.mark.usefixtures("home")
def test_a_lab_in_use_stays_and_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    record("lab-a", is_kept=False, owner=me())

    assert main(["down"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "lab-a stays: it is in use; `lab down lab-a` ends it",
        "nothing to do: no lab is up that is in nobody's use",
    ]


def test_a_topology_has_another_digest_once_it_is_changed() -> None:
    topology = load_topology("embedded")

    assert msgspec.structs.replace(topology, name="other").digest != topology.digest
