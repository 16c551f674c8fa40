"""Curves are drawn of whatever can be read, and of nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lab.report.reports import MOST_LINES, MOST_POINTS, curves, read
from tests.samples import FSYNC, sample

if TYPE_CHECKING:
    from pathlib import Path

    from lab.sample import Sample

SOCKPERF = """sockperf: ---> percentile 99.900 = 16232.697
sockperf: ---> percentile 50.000 = 2587.139
"""
FLOW = json.dumps(
    {
        "intervals": [
            {"sum": {"end": second, "bits_per_second": 1e9 + second, "omitted": second < 2}}
            for second in range(1, 600)
        ]
    }
)
FIO = json.dumps(
    {
        "jobs": [
            {
                "jobname": "random-write",
                "write": {"clat_ns": {"percentile": {"50.000000": 1000, "99.000000": 9000}}},
                "sync": {"lat_ns": {"percentile": {"50.000000": 0}}},
            }
        ]
    }
)


def kept(folder: Path, text: str, *, rounds: int = 1) -> list[Sample]:
    made = []
    for number in range(1, rounds + 1):
        name = f"raw/cell-r{number}/report.txt"
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text)
        made.append(sample(float(number), FSYNC, raw=name, round=number))
    return made


def test_sockperfs_percentiles_are_a_curve(tmp_path: Path) -> None:
    (curve,) = curves(tmp_path, kept(tmp_path, SOCKPERF))

    assert (curve.title, curve.kind, curve.end) == (FSYNC.title, "percentiles", "p99.99")
    assert len(curve.lines[0][1].split()) == 4
    assert curve.high == "16.2 ms"


def test_a_flow_has_few_points_of_few_boots(tmp_path: Path) -> None:
    (curve,) = curves(tmp_path, kept(tmp_path, FLOW, rounds=8))

    assert [boot for boot, _ in curve.lines] == ["r1", "r5", "r8"]
    assert len(curve.lines) == MOST_LINES
    assert sum(len(path.split()) // 2 for _, path in curve.lines) <= MOST_POINTS


def test_each_job_of_fio_that_waited_is_a_curve(tmp_path: Path) -> None:
    (curve,) = curves(tmp_path, kept(tmp_path, FIO))

    assert curve.title == "random-write, write"


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "{", '{"intervals": [{}]}', '{"jobs": [{"read": 1}]}', "null", "\x00"]
)
def test_what_is_no_report_has_no_curve(text: str) -> None:
    assert list(read(text)) == []


def test_nothing_outside_the_run_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text(SOCKPERF)
    (tmp_path / "run").mkdir()

    assert curves(tmp_path / "run", [sample(raw="../secret.txt"), sample(raw=None)]) == ()
    assert curves(tmp_path / "run", [sample(raw="raw/none.txt")]) == ()
