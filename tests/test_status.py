"""What is up, in whose hands, and who has this machine."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, NoReturn

import pytest

from lab import labs, ledger, owner, status
from lab.errors import ProvisionError
from lab.labs import labs_dir
from lab.lease import Lease, leased
from lab.provision import bring_up
from lab.units import format_time
from tests.fakes import DEAD, unsaid

if TYPE_CHECKING:
    from pathlib import Path

    from lab.provision import Lab
    from tests.ground import Ground


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LAB_LEASES", str(tmp_path / "leases"))
    return tmp_path


def lines() -> list[str]:
    return list(status.lines())


def of_dead(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> Lab:
    with monkeypatch.context() as another:
        another.setattr(owner, "me", lambda: DEAD)
        lab = bring_up(ground.start)
        ledger.forget_own()
    return lab


def test_where_no_lab_ever_was_none_is_up(place: Path) -> None:
    assert lines() == ["no lab is up"]
    assert list(place.iterdir()) == []


def test_a_lab_says_since_when_it_is_up_how_large_it_is_and_of_which_run(
    ground: Ground, place: Path
) -> None:
    lab = bring_up(replace(ground.start, run=place / "results" / "r1"))
    (lab.folder / "node-1-data.qcow2").write_bytes(b"x" * 300_000)

    first, *rest = lines()

    since = format_time(datetime.fromisoformat(lab.record.created))
    assert first.startswith(f"{lab.record.id}  alive, under tcg, since {since}, ")
    assert first.endswith(" KiB")
    assert rest == [
        f"  of the run {place}/results/r1",
        f"  node-1  up, its console is {ground.console}",
    ]


def test_labs_are_told_apart_by_whose_hands_they_are_in(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = of_dead(ground, monkeypatch)
    kept = of_dead(ground, monkeypatch)
    labs.keep(kept.record)
    making = labs.new_folder("embedded")
    (labs_dir() / "lab-old").mkdir()

    said = lines()

    assert any(line.startswith(f"{dead.record.id}  dead") for line in said)
    assert any(line.startswith(f"{kept.record.id}  kept") for line in said)
    assert f"{making.name}  is being brought up" in said
    assert "lab-old  is of another version of the lab: `lab down lab-old` removes it" in said
    assert said.count("  its run has died: `lab gc` removes what it left") == 1


def test_a_lab_that_never_came_up_is_for_gc(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as another:
        another.setattr(owner, "me", lambda: DEAD)
        folder = labs.new_folder("embedded")
        ledger.forget_own()

    assert lines() == [f"{folder.name}  never came up: `lab gc` removes what it left"]


def test_a_libvirt_that_does_not_answer_does_not_hide_the_rest(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = bring_up(ground.start)

    def hang(_record: object) -> NoReturn:
        raise ProvisionError("libvirt did not answer within 30 s", remedy="none")

    monkeypatch.setattr(status, "running", hang)

    said = lines()

    assert said[0].startswith(lab.record.id)
    assert "cannot be told: libvirt did not answer within 30 s" in said[-1]


def test_who_has_this_machine_is_said_and_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    with leased("measuring into /r1", is_alone=True, say=unsaid):
        waiting = leased("about to measure", is_alone=True, say=unsaid)
        monkeypatch.setattr(Lease, "_grant", lambda _self: None)
        with waiting:
            has, waits, nothing = lines()

    assert has.startswith("in use, alone: measuring into /r1 (process ")
    assert waits.startswith("  1. waits: about to measure (process ")
    assert nothing == "no lab is up"
