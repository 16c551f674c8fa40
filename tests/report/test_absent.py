from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec

from lab.outcome import Outcome
from lab.report.absent import LONGEST, absences, short
from tests.fake_run import CHECKS, FakeRun

if TYPE_CHECKING:
    from lab.run import Run


def asked_of_one(run: Run) -> Run:
    """What a smoke run asks of one sandbox of each storage only."""
    records = []
    for record in run.recorded:
        storage = record.cell.split("+")[1]
        here = f"smoke asks one sandbox of each storage; here that is tcfilter+{storage}+reference"
        if record.cell.startswith(("macvtap", "none")) and record.scenario in CHECKS[:4]:
            record = msgspec.structs.replace(record, outcome=Outcome.NOT_RUN, reason=here)  # noqa: PLW2901
        records.append(record)
    return dataclasses.replace(run, recorded=tuple(records))


def test_what_is_asked_of_one_sandbox_of_each_storage_is_one_line() -> None:
    run = asked_of_one(FakeRun().read())

    (fold,) = absences(run)

    assert (fold.outcome, fold.reason) == ("NOT-RUN", "smoke asks one sandbox of each storage")
    assert fold.what == "4 scenarios in 8 cells"
    assert not fold.is_told
    assert len(fold.lines) == 4, "one for each storage"
    assert fold.lines[0].cells == ("macvtap+virtiofs+reference", "none+virtiofs+reference")


def test_cells_without_any_value_have_the_gravest_reason_only(smoke: Run) -> None:
    (fold,) = absences(asked_of_one(smoke))[:1]

    assert fold.outcome == "UNSUPPORTED"
    assert len(fold.lines) == 1
    assert not [
        name
        for fold in absences(asked_of_one(smoke))[1:]
        for line in fold.lines
        for name in line.cells
        if "dax" in name
    ]


def test_a_long_reason_ends_after_what_it_says() -> None:
    told = "it says: setfattr: not supported"
    reason = f"{told} (known: {'a-very-long-explanation ' * 9})"

    assert short("it says no") == "it says no"
    assert short(reason) == f"{told} …"
    assert len(short("word " * 99)) <= LONGEST + 2
    assert short("x" * 999) == "x" * LONGEST + " …"
