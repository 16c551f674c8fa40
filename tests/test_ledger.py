from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lab import ledger as module
from lab.errors import ProvisionError
from lab.files import hold, is_held
from lab.ledger import Entry, Kind, Ledger
from lab.owner import me
from tests.fakes import DEAD

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = Entry(kind=Kind.FOLDER, name="/run/kata-lab-1")
DOMAIN = Entry(kind=Kind.DOMAIN, name="lab-embedded-1", where="test:///default")
CONNECTION = Entry(kind=Kind.CONNECTION, name="node-1", where="/run/kata-lab-1")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.jsonl")


def test_entries_are_undone_newest_first(ledger: Ledger) -> None:
    for entry in (FOLDER, DOMAIN, CONNECTION):
        ledger.record(entry)

    assert ledger.newest_first() == (CONNECTION, DOMAIN, FOLDER)


def test_another_process_reads_the_same(ledger: Ledger) -> None:
    ledger.record(DOMAIN)

    assert Ledger(ledger.path).newest_first() == (DOMAIN,)


def test_a_lab_that_made_nothing_has_nothing_to_undo(ledger: Ledger) -> None:
    assert ledger.newest_first() == ()


@pytest.mark.parametrize("rest", [b"{", b'{"kind":"domain","na', b'{"kind":"folder","name":"/\xc3'])
def test_a_torn_last_line_was_never_acted_on(ledger: Ledger, rest: bytes) -> None:
    ledger.record(FOLDER)
    ledger.record(DOMAIN)
    with ledger.path.open("ab") as stream:
        stream.write(rest)

    assert ledger.newest_first() == (DOMAIN, FOLDER)


def test_a_line_that_was_torn_off_clean_counts(ledger: Ledger) -> None:
    """All of it is there but the end of the line: the thing may exist."""
    ledger.record(FOLDER)
    ledger.path.write_bytes(ledger.path.read_bytes().rstrip(b"\n"))

    assert ledger.newest_first() == (FOLDER,)


@pytest.mark.parametrize("line", ["{", '{"kind":"house","name":"x"}', "{}"])
def test_a_damaged_ledger_is_not_taken_for_a_short_one(ledger: Ledger, line: str) -> None:
    ledger.path.write_text(f"{line}\n")
    ledger.record(DOMAIN)

    with pytest.raises(ProvisionError, match=r"ledger\.jsonl, line 1, is damaged: "):
        ledger.newest_first()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_process_has_one_ledger_and_holds_it(home: Path) -> None:
    assert not module.owns_one()
    module.own().record(FOLDER)
    module.own().record(DOMAIN)

    assert module.owns_one()
    ((who, found),) = module.of_processes(home)
    assert (who, found.newest_first()) == (me(), (DOMAIN, FOLDER))
    assert is_held(found.path) is True


def test_it_ends_with_the_process_and_tells_what_was_in_it(home: Path) -> None:
    module.own().record(FOLDER)

    assert module.forget_own() == (FOLDER,)

    assert list(module.of_processes(home)) == []
    assert not module.owns_one()
    assert module.forget_own() == ()


def test_one_that_somebody_has_removed_is_begun_again(home: Path) -> None:
    module.own().record(FOLDER)
    shutil.rmtree(home)

    module.own().record(DOMAIN)

    assert module.own().newest_first() == (DOMAIN,)
    assert is_held(module.own().path) is True


def test_a_process_of_another_container_is_told_by_its_ledger(home: Path) -> None:
    """Its number means nothing here; the lock on its ledger does."""
    other = replace(me(), space="1")
    path = module.path_of(other, home)

    assert module.is_alive(other, home)  # nothing can be seen of it: it is left alone
    with hold(path):
        assert module.is_alive(other, home)
    assert not module.is_alive(other, home)


def test_a_process_that_can_be_seen_is_told_by_what_is_seen(home: Path) -> None:
    hold(module.path_of(me(), home)).close()

    assert module.is_alive(me(), home)
    assert not module.is_alive(DEAD, home)


def test_other_files_beside_the_ledgers_are_nobodys(home: Path) -> None:
    (home / "ledgers").mkdir(parents=True)
    for name in ("notes.jsonl", ".x.jsonl", "lock"):
        (home / "ledgers" / name).touch()

    assert list(module.of_processes(home)) == []
