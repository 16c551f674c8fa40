from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from lab.ledger import Entry, Kind, Ledger

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

    with pytest.raises(msgspec.DecodeError):
        ledger.newest_first()
