"""What dead runs have left is removed; what is another's, alive or kept is not."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab import command, files, gc, inventory, labs, ledger, owner
from lab.cli import main
from lab.gc import Collected, collect, survey
from lab.labs import labs_dir
from lab.lease import NUMBERS, leased
from lab.ledger import Entry, Kind, Ledger
from lab.provision import bring_up
from lab.scratch import scratch
from lab.virt import connection as connection_module
from lab.virt import daemons
from lab.wait import Pending, wait_for
from tests.fakes import DEAD, left_by, unsaid, wait_until_dead
from tests.ground import URI

if TYPE_CHECKING:
    from lab.provision import Lab
    from tests.ground import Ground

LAB = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def place(alone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(connection_module, "default_uri", lambda: URI)
    return alone


def died(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab whose process was killed."""
    with monkeypatch.context() as another:
        another.setattr(owner, "me", lambda: DEAD)
        lab = bring_up(ground.start)
        for stream in ledger._held.values():
            stream.close()
        ledger._held.clear()
    return lab


def names(done: Collected, place: Path) -> list[str]:
    return [str(thing) for thing in done.removed if str(place) in thing.name or not thing.path]


def test_where_nothing_is_left_nothing_is_done(place: Path) -> None:
    done = collect(URI, say=unsaid)

    assert names(done, place) == []
    assert done.is_clean


def test_all_that_a_dead_run_has_left_goes_and_its_size_is_said(
    ground: Ground, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = died(ground, monkeypatch)
    (lab.folder / "node-1-data.qcow2").write_bytes(b"x" * 300_000)
    said: list[str] = []

    done = collect(URI, say=said.append)

    assert ground.left == []
    assert ground.domains == set()
    assert done.is_clean
    assert done.freed_bytes >= 300_000
    assert any("node-1" in line and line.startswith("removed domain") for line in said)
    assert any("KiB)" in line and line.startswith("removed lab") for line in said)
    assert names(collect(URI, say=unsaid), place) == []


@pytest.mark.parametrize("gone", ["state", "results", "ledger", "sockets"])
def test_it_does_not_take_the_ledger_nor_the_results_to_find_it(
    ground: Ground, place: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    lab = died(ground, monkeypatch)
    folder = {
        "state": place / "home",
        "results": place / "results",
        "ledger": lab.folder / "ledger.jsonl",
        "sockets": Path(lab.record.nodes[0].sockets),
    }[gone]
    shutil.rmtree(folder) if folder.is_dir() else folder.unlink()

    assert collect(URI, say=unsaid).is_clean

    assert ground.domains == set()
    assert list(ground.runtime.iterdir()) == []
    assert not labs_dir().exists() or list(labs_dir().iterdir()) == []


def test_a_ledger_that_is_damaged_does_not_save_anything(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = died(ground, monkeypatch)
    ledger_file = lab.folder / "ledger.jsonl"
    ledger_file.write_text("{\n" + ledger_file.read_text())

    assert collect(URI, say=unsaid).is_clean

    assert ground.left == []


def test_a_dry_run_says_what_would_go_and_touches_nothing(
    ground: Ground, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = died(ground, monkeypatch)
    said: list[str] = []
    before = ground.left

    done = survey(URI, say=said.append)

    assert ground.left == before
    assert not done.is_clean
    ours = [line for line in said if str(place) in line or lab.record.id in line]
    assert [line.split()[2] for line in ours] == ["domain", "lab", "folder", "ledger"]
    assert all(line.startswith("would remove ") for line in ours)


def test_a_run_that_lives_is_not_touched(ground: Ground, place: Path) -> None:
    lab = bring_up(ground.start)
    before = ground.left

    with scratch("tools") as folder, leased("measuring", is_alone=True, say=unsaid):
        done = collect(URI, say=unsaid)
        assert folder.exists()

    assert ground.left == before
    assert names(done, place) == []
    assert done.left == ()
    assert lab.folder.exists()


def test_a_lab_that_is_being_made_is_not_touched(place: Path) -> None:
    folder = labs.new_folder("embedded")

    assert names(collect(URI, say=unsaid), place) == []

    assert folder.exists()


def test_a_kept_lab_is_named_and_left(
    ground: Ground, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = died(ground, monkeypatch)
    labs.keep(lab.record)
    before = set(ground.left)

    done = collect(URI, say=unsaid)

    assert set(ground.left) == before
    assert all("ledger" in name for name in names(done, place))
    assert done.left == (f"{lab.record.id} is kept: `lab down {lab.record.id}` ends it",)
    assert done.is_clean


def test_what_is_not_the_labs_is_not_touched(ground: Ground, place: Path) -> None:
    """Its name is alike: that says nothing."""
    ground.connection.raw.createXML(
        "<domain type='test'><name>lab-embedded-0a1b2c3d-node-1</name><memory>1024</memory>"
        "<os><type>hvm</type></os></domain>",
        0,
    )
    for name in ("kata-lab-notes", "kata-lab-0a1b2c3d", "kata-lab"):
        (place / "run" / name).mkdir()
        (place / "run" / name / "mine").touch()
    (place / "home" / "images" / ".git").mkdir(parents=True)

    done = collect(URI, say=unsaid)

    assert names(done, place) == []
    assert ground.domains == {"lab-embedded-0a1b2c3d-node-1"}
    ground.connection.raw.lookupByName("lab-embedded-0a1b2c3d-node-1").destroy()
    assert len(list((place / "run").iterdir())) == 3
    assert (place / "home" / "images" / ".git").exists()


def test_a_lab_nobody_can_tell_the_owner_of_is_left_to_a_person(place: Path) -> None:
    (labs_dir() / "lab-old").mkdir(parents=True)

    done = collect(URI, say=unsaid)

    assert names(done, place) == []
    assert done.left == ("lab-old is nobody's to tell: `lab down lab-old` removes it",)


def test_what_a_process_was_at_when_it_died_goes(place: Path) -> None:
    """Whatever it was at: an image, prepared disks, a folder for a tool, a file half written."""
    left = [
        left_by(DEAD, place / "home" / "images", ".building"),
        left_by(DEAD, place / "home" / "prepared", ".preparing"),
        left_by(DEAD, place / "home" / "labs", ".new"),
        left_by(DEAD, place / "tmp", "kata-lab-tools"),
    ]
    elsewhere = left_by(DEAD, place / "elsewhere", ".bundle")
    own = Ledger(ledger.path_of(DEAD, place / "home"))
    own.path.parent.mkdir()
    own.record(Entry(kind=Kind.FOLDER, name=str(elsewhere)))
    (place / "leases").mkdir()
    (place / "leases" / "00000003.json").write_text("{}")

    done = collect(URI, say=unsaid)

    assert done.is_clean
    assert not [path for path in (*left, elsewhere, own.path) if path.exists()]
    assert [path.name for path in (place / "leases").iterdir()] == [NUMBERS]


def test_a_setting_of_the_host_is_put_back(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = {"group": 107, "mode": 0o660}
    device = place / "kvm"
    device.touch()
    monkeypatch.setattr(daemons, "_state", lambda _path: (state["group"], state["mode"]))
    monkeypatch.setattr(os, "chown", lambda _path, _user, group: state.update(group=group))
    monkeypatch.setattr(Path, "chmod", lambda _path, mode: state.update(mode=mode))
    own = Ledger(ledger.path_of(DEAD, place / "home"))
    own.path.parent.mkdir(parents=True)
    own.record(Entry(kind=Kind.SETTING, name=str(device), where="0:600 -> 107:660"))

    assert collect(URI, say=unsaid).is_clean

    assert state == {"group": 0, "mode": 0o600}
    assert not own.path.exists()


def programs() -> list[inventory.Thing]:
    found = inventory.take(URI).things
    return [thing for thing in found if thing.sort is inventory.Sort.PROGRAM]


@pytest.mark.parametrize("script", ["sleep 60; true", "trap '' TERM; sleep 60; sleep 60"])
def test_a_program_that_a_dead_process_has_started_is_ended_with_its_children(
    monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    def programs_started() -> None:
        if len(programs()) < 5:
            raise Pending("the shell has not started its children")

    monkeypatch.setattr(gc, "TERMINATE_GRACE_S", 0.3)
    with monkeypatch.context() as another:
        another.setattr(owner, "me", lambda: DEAD)
        running = command.running(["sh", "-c", f"({script}) & ({script})"])
        process = running.__enter__()
    try:
        wait_for("the programs", programs_started, timeout_s=5, every_s=0.01, remedy="none")
        assert collect(URI, say=unsaid).is_clean

        wait_until_dead(process.pid)
        assert programs() == []
    finally:
        running.__exit__(None, None, None)


def test_a_number_that_has_another_process_now_is_not_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, _signal: killed.append(pid))

    gc._remove(
        inventory.Thing(
            sort=inventory.Sort.PROGRAM, name="sleep", hands=labs.Hands.DEAD, process=DEAD
        )
    )

    assert killed == []


def test_what_is_stuck_is_said_and_does_not_save_the_rest(
    ground: Ground, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    died(ground, monkeypatch)
    stuck = left_by(DEAD, place / "run", "kata-lab-tools")
    remove = files.remove

    def refusing(path: Path) -> None:
        if path == stuck:
            raise OSError(errno.EBUSY, "Device or resource busy")
        remove(path)

    monkeypatch.setattr(gc, "remove", refusing)

    done = collect(URI, say=unsaid)

    assert done.stuck == (f"folder {stuck}: [Errno 16] Device or resource busy",)
    assert not done.is_clean
    assert ground.left == [stuck.name]


def test_what_belongs_to_a_users_other_numbers_is_removed_as_their_root(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """mmdebstrap makes a user's system as a user of its own (user_namespaces(7))."""
    folder = left_by(DEAD, place / "run", "kata-lab-mmdebstrap")
    asked: list[list[str]] = []

    def refuse(_path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    def run(argv: list[str | Path], **_: object) -> None:
        asked.append([str(word) for word in argv])
        shutil.rmtree(folder)

    monkeypatch.setattr(gc, "remove", refuse)
    monkeypatch.setattr(command, "run", run)

    assert collect(URI, say=unsaid).is_clean
    assert asked == [["mmdebstrap", "--unshare-helper", "rm", "-rf", "--", str(folder)]]


def test_the_verb_says_what_it_did_and_its_status_says_whether_anything_is_left(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gc", "--dry-run"]) == 0
    died(ground, monkeypatch)

    assert main(["gc", "--dry-run"]) == 1
    assert "would remove domain lab-embedded-" in capsys.readouterr().out

    assert main(["gc"]) == 0
    said = capsys.readouterr().out
    assert "removed lab " in said
    assert " freed\n" in said

    assert main(["gc", "--dry-run"]) == 0
    assert capsys.readouterr().out == "nothing is left behind\n"


KILLED = """
import os, signal, sys
from pathlib import Path
from lab import labs, ledger
from lab.lease import leased
from lab.scratch import scratch
with leased("measuring", is_alone=True, say=print), scratch("building", among=Path(sys.argv[1])):
    with scratch("tools"):
        labs.new_folder("embedded")
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_really_killed_leaves_nothing_that_is_not_found(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(place / "tmp"))
    monkeypatch.setenv("PYTHONPATH", str(LAB))
    (place / "tmp").mkdir()
    images = place / "home" / "images"
    done = subprocess.run([sys.executable, "-c", KILLED, images], check=False)
    assert done.returncode == -signal.SIGKILL
    left = [path for path in place.rglob("*") if owner.marked(path.name)]
    assert len(left) == 2
    assert len(list(labs_dir().iterdir())) == 1

    assert collect(URI, say=unsaid).is_clean

    folders = ("leases", "tmp", "home/images", "home/labs", "home/ledgers")
    assert {path.name for name in folders for path in (place / name).iterdir()} == {"numbers.lock"}
