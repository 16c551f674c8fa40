"""Two runs at once share nothing that can collide: what is made at once is made apart."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lab import labs, ledger, owner, prepare
from lab.host import Chosen
from lab.labs import labs_dir
from lab.ledger import Kind, Ledger
from lab.provision import bring_up
from lab.store import Store
from lab.takedown import take_down
from lab.virt.xml import Accelerator
from tests.fake_run import FakeRun
from tests.fakes import unsaid
from tests.given import images
from tests.ground import SINGLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pytest

    from lab.disks import Disks
    from lab.machine import Start
    from tests.ground import Ground

T = TypeVar("T")
LAB = Path(__file__).parents[1]
TIMES = 4


def at_once(action: Callable[[], T], times: int = TIMES) -> list[T]:
    """Do *action* in several threads that begin together; return what each came to."""
    gate = threading.Barrier(times)
    done: list[T] = []

    def work() -> None:
        gate.wait()
        done.append(action())

    threads = [threading.Thread(target=work) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == times
    return done


def test_labs_that_come_up_at_once_share_no_name_no_port_no_disk_and_no_socket(
    ground: Ground,
) -> None:
    found = at_once(lambda: bring_up(ground.pair))

    nodes = [node for lab in found for node in lab.record.nodes]
    entries = [e for lab in found for e in Ledger(lab.folder / labs.LEDGER).newest_first()]
    for kind in (Kind.PORT, Kind.DISK, Kind.FOLDER, Kind.DOMAIN):
        names = [entry.name for entry in entries if entry.kind is kind]
        assert len(set(names)) == len(names) > 0
    assert len({lab.record.id for lab in found}) == TIMES
    assert len({node.domain for node in nodes}) == len(ground.domains) == 2 * TIMES
    assert len({node.sockets for node in nodes}) == 2 * TIMES
    assert len({port for node in nodes for port in node.data_ports}) == 2 * TIMES

    for lab in found:
        take_down(lab.folder)

    assert ground.left == []


def test_a_lab_that_goes_down_leaves_what_comes_up_beside_it(ground: Ground) -> None:
    first = bring_up(ground.start)
    others: list[str] = []

    def work() -> None:
        others.append(bring_up(ground.start).record.id)

    thread = threading.Thread(target=work)
    thread.start()
    take_down(first.folder)
    thread.join()

    assert [folder.name for folder in labs_dir().iterdir()] == others
    assert len(ground.domains) == 1


def test_a_lab_can_be_taken_down_by_two_at_once(ground: Ground) -> None:
    lab = bring_up(ground.start)

    at_once(lambda: take_down(lab.folder), 2)

    assert ground.left == []


class SilentMark:
    """A mark that is put without a name of chance."""

    def __init__(self, *, lab: str, **_: object) -> None:
        self.lab = lab

    def put(self, folder: Path) -> None:
        (folder / labs.OWNER).write_text(self.lab)


def test_folders_of_labs_are_made_once_whatever_name_chance_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    ledger.own()
    names, marks = iter(["aa", "aa", "aa", "bb"]), iter("12")
    monkeypatch.setattr(owner, "mark", lambda stem: f"{stem}-{next(marks)}")
    monkeypatch.setattr(labs, "Mark", SilentMark)
    monkeypatch.setattr(secrets, "token_hex", lambda _bytes: next(names))

    first, second = labs.new_folder("x"), labs.new_folder("x")

    assert (first.name, second.name) == ("lab-x-aa", "lab-x-bb")
    assert {path.name for path in labs_dir().iterdir()} == {"lab-x-aa", "lab-x-bb"}


def test_runs_that_begin_in_the_same_second_have_directories_of_their_own(tmp_path: Path) -> None:
    header = FakeRun().header()

    stores = at_once(lambda: Store.create(tmp_path / "results", header), 8)

    assert len({store.path for store in stores}) == 8
    assert all(store.header.id == store.path.name for store in stores)
    last = (tmp_path / "results" / "last").resolve()
    assert last in {store.path for store in stores}
    assert not [path for path in (tmp_path / "results").iterdir() if path.name.startswith(".")]


def test_disks_that_two_runs_need_are_prepared_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    prepared: list[Path] = []

    def prepare_them(start: Start, _scripts: object, _kit: object) -> None:
        (disks,) = start.disks.values()
        prepared.append(disks.root.parent)
        disks.root.touch()
        disks.data.touch()

    def need() -> Mapping[str, Disks]:
        return prepare.prepared(
            SINGLE,
            images(),
            Chosen(Accelerator.TCG, "for a test"),
            console=lambda name: tmp_path / name,
            say=unsaid,
        )

    monkeypatch.setattr(prepare, "_prepare", prepare_them)

    found = at_once(need)

    assert len(prepared) == 1
    assert all(disks == found[0] for disks in found)
    assert found[0]["node-1"].root.exists()
    assert [path.name for path in (tmp_path / "home" / "prepared").iterdir()] == [
        found[0]["node-1"].root.parent.name
    ]


APPEND = """
import sys
from lab import ledger
from lab.ledger import Entry, Kind
for number in range(50):
    ledger.own().record(Entry(kind=Kind.FOLDER, name=f"/x/{number}"))
print(len(list(ledger.of_processes(ledger.state_dir()))))
ledger.forget_own()
"""


def test_processes_that_write_at_once_have_ledgers_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    environment = {**os.environ, "PYTHONPATH": str(LAB)}

    processes = [
        subprocess.Popen([sys.executable, "-c", APPEND], stdout=subprocess.PIPE, env=environment)
        for _ in range(3)
    ]
    for process in processes:
        out, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        assert int(out) >= 1

    assert list((tmp_path / "home" / "ledgers").iterdir()) == []


def test_consoles_of_labs_that_are_brought_up_at_once_are_apart(ground: Ground) -> None:
    """Each is told where by whoever brings it up; see campaign.bring_up_alone."""
    first = bring_up(ground.start)
    second = bring_up(
        replace(ground.start, console=lambda name: ground.console.parent / "other" / f"{name}.log")
    )

    assert first.record.nodes[0].console != second.record.nodes[0].console
