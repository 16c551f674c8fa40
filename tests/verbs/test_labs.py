"""The verbs about labs that are up: up, status, down, shell."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn

import msgspec
import pytest

from lab import campaign, status
from lab.cli import main
from lab.labs import LabRecord, NodeRecord, labs_dir
from lab.ledger import Entry, Kind, Ledger
from lab.owner import Owner, me
from lab.virt.xml import Accelerator
from tests.fakes import DEAD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lab.options import Wishes


pytestmark = pytest.mark.usefixtures("place")


def lab(name: str, *nodes: str, owner: Owner) -> LabRecord:
    """Put a lab on record that has a folder to its name, and nothing else."""
    record = LabRecord(
        id=name, topology="embedded", accelerator=Accelerator.TCG, uri="test:///default",
        nodes=tuple(
            NodeRecord(
                name=node, domain=f"{name}-{node}", console=f"/results/{node}.log",
                sockets=f"/run/{name}",
            )
            for node in nodes or ("node-1",)
        ),
        owner=owner, created="2026-11-23T18:05:12+00:00",
    )  # fmt: skip
    folder = labs_dir() / name
    folder.mkdir(parents=True)
    (folder / "lab.json").write_bytes(msgspec.json.encode(record))
    return record


def test_a_lab_that_is_left_up_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = lab("lab-embedded-1", "control-1", "worker-1", owner=DEAD)

    def bring_up_alone(wishes: Wishes, *, say: Callable[[str], None]) -> LabRecord:
        say(f"starting {wishes.topology}")
        return record

    monkeypatch.setattr(campaign, "bring_up_alone", bring_up_alone)

    assert main(["up"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "starting embedded",
        "lab-embedded-1 is up: `lab shell control-1`, `lab shell worker-1`, `lab down` ends it",
    ]


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("status", "no lab is up\n"),
        ("down", "nothing to do: no lab is up that is in nobody's use\n"),
    ],
)
def test_where_no_lab_ever_was_none_is_up(
    place: Path, capsys: pytest.CaptureFixture[str], verb: str, said: str
) -> None:
    assert main([verb]) == 0

    assert capsys.readouterr().out == said
    assert not (place / "home").exists()


def test_status_tells_labs_apart(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, (name, owner) in enumerate([("lab-a", me()), ("lab-b", DEAD), ("lab-c", DEAD)]):
        lab(name, *(("control-1", "worker-1") if name == "lab-b" else ()), owner=owner)
        os.utime(labs_dir() / name, (number, number))
    (labs_dir() / "lab-d").mkdir()
    up = {"lab-a": ("node-1",), "lab-b": ("worker-1",), "lab-c": ()}
    monkeypatch.setattr(status, "running", lambda record: up[record.id])
    monkeypatch.setattr(status, "size_bytes", lambda _folder: 2048)

    assert main(["status"]) == 0

    since = "under tcg, since 2026-11-23 18:05:12 UTC, 2.00 KiB"
    died = "  its run has died: `lab gc` removes what it left"
    assert capsys.readouterr().out.splitlines() == [
        f"lab-a  alive, {since}",
        "  node-1  up, its console is /results/node-1.log",
        f"lab-b  dead, {since}",
        died,
        "  control-1  down, its console is /results/control-1.log",
        "  worker-1  up, its console is /results/worker-1.log",
        f"lab-c  dead, {since}",
        died,
        "  node-1  down, its console is /results/node-1.log",
        "lab-d  is of another version of the lab: `lab down lab-d` removes it",
    ]


def test_down_leaves_alone_what_somebody_uses(capsys: pytest.CaptureFixture[str]) -> None:
    lab("lab-used", owner=me())
    lab("lab-kept", owner=DEAD)
    (labs_dir() / "lab-torn").mkdir()

    assert main(["down"]) == 0

    assert [path.name for path in labs_dir().iterdir()] == ["lab-used"]
    assert "lab-kept is down" in capsys.readouterr().out


def test_a_lab_that_is_named_goes_down_whoever_uses_it() -> None:
    lab("lab-used", owner=me())
    lab("lab-other", owner=me())

    assert main(["down", "lab-used"]) == 0

    assert [path.name for path in labs_dir().iterdir()] == ["lab-other"]


@pytest.mark.parametrize("name", ["lab-none", "..", ".", "", "../images", "lab-a/lab.json"])
def test_only_a_lab_can_be_taken_down(
    place: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    lab("lab-a", owner=me())
    (place / "home" / "images").mkdir()

    assert main(["down", name]) == 2

    assert f"there is no lab {name!r}" in capsys.readouterr().err
    assert (place / "home" / "images").exists()
    assert (labs_dir() / "lab-a" / "lab.json").exists()


def test_a_lab_that_is_stuck_is_said_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    lab("lab-a", owner=DEAD)
    (labs_dir() / "file").touch()
    ledger = Ledger(labs_dir() / "lab-a" / "ledger.jsonl")
    ledger.record(Entry(kind=Kind.FOLDER, name=str(ledger.path / "none")))

    assert main(["down", "lab-a"]) == 1

    assert "lab-a could not be taken down whole" in capsys.readouterr().err
    assert ledger.path.exists()


def test_a_shell_is_on_the_newest_node_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name in enumerate(["lab-new", "lab-old"]):
        lab(name, owner=DEAD)
        os.utime(labs_dir() / name, (10 - number, 10 - number))
    lab("lab-other", "node-2", owner=DEAD)
    asked: list[list[str]] = []

    def execvp(_program: str, argv: list[str]) -> NoReturn:
        asked.append(argv)
        raise SystemExit(0)

    monkeypatch.setattr(os, "execvp", execvp)

    with pytest.raises(SystemExit):
        main(["shell", "node-1"])

    assert asked == [["ssh", "-F", "/run/lab-new/ssh_config", "node-1"]]


def test_a_shell_on_no_node_is_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    lab("lab-a", owner=DEAD)

    assert main(["shell", "node-9"]) == 2
    assert "no node and no sandbox 'node-9' is up" in capsys.readouterr().err
