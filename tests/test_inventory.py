"""What says that it is the lab's, and in whose hands it is."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab import command, inventory, labs, ledger, owner
from lab.inventory import Sort, Thing
from lab.labs import Hands, Mark, labs_dir
from lab.lease import leased
from lab.owner import me
from lab.provision import bring_up
from lab.scratch import scratch
from tests.fakes import DEAD, left_by, unsaid, wait_until_dead, wait_until_marked
from tests.ground import URI

if TYPE_CHECKING:
    from tests.ground import Ground


@pytest.fixture(autouse=True)
def place(alone: Path) -> Path:
    return alone


def things(place: Path) -> list[Thing]:
    found = inventory.take(URI)
    assert found.problems == ()
    return [thing for thing in found.things if str(place) in thing.name or thing.path is None]


def told(place: Path) -> set[tuple[Sort, Hands]]:
    return {(thing.sort, thing.hands) for thing in things(place)}


def test_where_no_lab_ever_was_there_is_nothing(place: Path) -> None:
    assert things(place) == []
    assert not (place / "home").exists()


def test_all_that_a_lab_is_made_of_is_found(ground: Ground, place: Path) -> None:
    lab = bring_up(ground.start)

    found = things(place)

    assert {(thing.sort, thing.lab) for thing in found if thing.lab} == {
        (Sort.DOMAIN, lab.record.id),
        (Sort.LAB, lab.record.id),
        (Sort.FOLDER, lab.record.id),
    }
    assert {thing.hands for thing in found} == {Hands.ALIVE}
    assert {thing.owner for thing in found} == {me()}


def test_a_kept_lab_is_kept_with_all_that_is_its(
    ground: Ground, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as another:
        another.setattr(owner, "me", lambda: DEAD)
        labs.keep(bring_up(ground.start).record)
        ledger.forget_own()

    assert told(place) == {(sort, Hands.KEPT) for sort in (Sort.DOMAIN, Sort.LAB, Sort.FOLDER)}


def test_what_is_left_of_a_lab_is_found_without_its_record(
    ground: Ground, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state folder is gone, and with it the ledger: the things themselves still tell."""
    with monkeypatch.context() as another:
        another.setattr(owner, "me", lambda: DEAD)
        bring_up(ground.start)
    shutil.rmtree(place / "home")

    assert told(place) == {(Sort.DOMAIN, Hands.DEAD), (Sort.FOLDER, Hands.DEAD)}


def test_labs_in_another_state_folder_are_found_by_what_names_it(
    ground: Ground, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("LAB_HOME", str(place / "elsewhere"))
        elsewhere.setattr(owner, "me", lambda: DEAD)
        bring_up(ground.start)

    found = told(place)

    assert (Sort.LAB, Hands.DEAD) in found
    assert (Sort.LEDGER, Hands.DEAD) in found
    assert not (place / "home").exists()


def test_a_lab_that_is_being_made_is_alive_from_its_first_moment_on(place: Path) -> None:
    folder = labs.new_folder("embedded")

    (lab,) = (thing for thing in things(place) if thing.sort is Sort.LAB)
    assert (lab.name, lab.hands, lab.record) == (str(folder), Hands.ALIVE, None)


def test_a_lab_of_an_older_version_does_not_say_whose_it_is(place: Path) -> None:
    (labs_dir() / "lab-old").mkdir(parents=True)

    assert told(place) == {(Sort.LAB, Hands.UNKNOWN)}


def test_unfinished_things_are_found_in_each_part_of_the_state_folder(place: Path) -> None:
    for name in ("images", "prepared", "artefact-disks", "artefacts", "labs"):
        left_by(DEAD, place / "home" / name, ".building")
    left_by(DEAD, place / "home", ".probes.json")

    found = things(place)

    assert len(found) == 6
    assert {(thing.sort, thing.hands) for thing in found} == {(Sort.UNFINISHED, Hands.DEAD)}
    assert all(thing.size_bytes > 0 for thing in found)


def test_scratch_is_in_the_hands_of_who_works_in_it(place: Path) -> None:
    with scratch("tools") as folder:
        left_by(DEAD, folder.parent, "kata-lab-tools")
        found = {thing.hands for thing in things(place) if thing.sort is Sort.FOLDER}

    assert found == {Hands.ALIVE, Hands.DEAD}


@pytest.mark.parametrize(
    "name", ["kata-lab", "kata-lab-notes", "kata-lab.leases", "my-kata-lab-0a1b2c3d", "lab-x"]
)
def test_what_a_person_calls_so_is_his(place: Path, name: str) -> None:
    (place / "run" / name).mkdir()

    assert things(place) == []


def test_a_folder_of_sockets_that_says_nothing_is_left_alone_unless_it_is_stillborn(
    place: Path,
) -> None:
    old, young, full = (place / "run" / f"kata-lab-0000000{number}" for number in range(3))
    for folder in (old, young, full):
        folder.mkdir()
    (full / "file").touch()
    for folder in (old, full):
        os.utime(folder, (1000, 1000))

    assert {Path(thing.name).name: thing.hands for thing in things(place)} == {
        old.name: Hands.DEAD,
        young.name: Hands.UNKNOWN,
        full.name: Hands.UNKNOWN,
    }


def test_a_folder_of_another_user_is_his(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left_by(DEAD, place / "run", "kata-lab-tools")
    monkeypatch.setattr(os, "geteuid", lambda: 4242)

    assert things(place) == []


def test_a_link_to_a_folder_is_not_followed(place: Path) -> None:
    (place / "run" / "kata-lab-0a1b2c3d").symlink_to(place)

    assert things(place) == []


def test_a_program_that_the_lab_has_started_is_found_and_says_by_whom(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as another:
        another.setattr(owner, "me", lambda: DEAD)
        running = command.running(["sleep", "60"])
        process = running.__enter__()
    try:
        wait_until_marked(process.pid)
        (program,) = (thing for thing in things(place) if thing.sort is Sort.PROGRAM)
        assert program.hands is Hands.DEAD
        assert program.owner == DEAD
        assert program.process
        assert program.process.pid == process.pid
        assert str(program) == f"program {process.pid} sleep 60"
    finally:
        running.__exit__(None, None, None)


def test_a_process_of_the_lab_is_no_program_of_another(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lab that another lab has started outlives it: it has a ledger of its own."""
    monkeypatch.setenv(owner.VARIABLE, DEAD.id)
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        try:
            wait_until_marked(process.pid)
            (program,) = (thing for thing in things(place) if thing.sort is Sort.PROGRAM)
            assert program.process
            path = ledger.path_of(program.process, place / "home")
            path.parent.mkdir(parents=True)
            path.touch()

            assert [t.sort for t in things(place)] == [Sort.LEDGER]
        finally:
            process.kill()


def test_a_shared_connection_is_known_by_its_name(place: Path) -> None:
    """ssh overwrites its own environment when it gives itself a name."""
    sockets = place / "run" / "kata-lab-0a1b2c3d"
    sockets.mkdir()
    Mark(owner=DEAD, home=str(place / "home"), lab="lab-embedded-1").put(sockets)
    name = f"ssh: {sockets}/node-1 [mux]"
    with subprocess.Popen([name, "60"], executable="/bin/sleep") as process:
        try:
            wait_until_marked(process.pid)
            # What follows the name is ssh's padding, and sleep's argument.
            (program,) = (thing for thing in things(place) if thing.sort is Sort.PROGRAM)
            assert (program.hands, program.lab) == (Hands.DEAD, "lab-embedded-1")
        finally:
            process.kill()
    wait_until_dead(process.pid)


def test_claims_of_the_dead_are_found(place: Path) -> None:
    (place / "leases").mkdir()
    (place / "leases" / "00000007.json").write_text("{}")

    with leased("measuring", is_alone=True, say=unsaid):
        found = [thing for thing in things(place) if thing.sort is Sort.CLAIM]

    assert [Path(thing.name).name for thing in found] == ["00000007.json"]


def test_what_libvirt_does_not_tell_does_not_hide_the_rest(place: Path) -> None:
    left_by(DEAD, place / "run", "kata-lab-tools")

    found = inventory.take("none:///x")

    assert [thing.sort for thing in found.things if str(place) in thing.name] == [Sort.FOLDER]
    assert "domains were not looked at: libvirt at none:///x cannot be reached" in found.problems[0]


def test_a_copy_that_somebody_made_of_a_domain_is_his(ground: Ground, place: Path) -> None:
    lab = bring_up(ground.start)
    name = lab.record.nodes[0].domain
    copy = ground.xml(name).replace(f"<name>{name}<", "<name>mine<")
    uuid = copy.partition("<uuid>")[2].partition("</uuid>")[0]
    ground.connection.raw.createXML(copy.replace(f"<uuid>{uuid}</uuid>", ""), 0)

    assert [t.name for t in things(place) if t.sort is Sort.DOMAIN] == [name]
    ground.connection.raw.lookupByName("mine").destroy()
