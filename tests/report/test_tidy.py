from __future__ import annotations

import csv
import dataclasses
from typing import TYPE_CHECKING

import msgspec

from lab.report import tidy

if TYPE_CHECKING:
    from lab.run import Run


def test_every_sample_is_a_line_that_reads_back(designed: Run) -> None:
    lines = list(csv.DictReader(tidy.render(designed).splitlines()))

    assert [float(line["value"]) for line in lines] == [s.value for s in designed.samples]
    assert {line["unit"] for line in lines} >= {"bit/s", "s"}
    assert {line["runtime"] for line in lines} == {"runc", "reference", "kata-go"}
    disturbed = [line for line in lines if line["contaminated_by"]]
    assert {line["contaminated_by"] for line in disturbed} == {"host_foreign_cpu"}
    assert sum(line["is_used"] == "0" for line in lines) > 0


def test_what_is_unknown_is_empty_and_a_text_is_no_formula(smoke: Run) -> None:
    first, *others = smoke.samples
    first = msgspec.structs.replace(first, scenario='=1+1,"x"\x1b[31m', raw=None)

    (line, *_) = csv.DictReader(
        tidy.render(dataclasses.replace(smoke, samples=(first, *others))).splitlines()
    )

    assert line["scenario"] == '\'=1+1,"x"'
    assert line["raw"] == ""
    assert line["psi_cpu_some_s"] == ""


def test_a_run_without_samples_has_its_columns(smoke: Run) -> None:
    text = tidy.render(dataclasses.replace(smoke, samples=()))

    assert text == ",".join(tidy.COLUMNS) + "\n"
