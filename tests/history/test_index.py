"""The index: what is in it is what is in the runs, and nothing else."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from lab.history.index import INDEX, NIGHT, TELLING, levels, open_history, read_night, write_night
from lab.history.night import Night
from lab.matrix import Cell
from lab.run import Run
from lab.store import ENVIRONMENT, HEADER
from tests.fake_run import CREATED, FakeRun

if TYPE_CHECKING:
    from pathlib import Path

    from lab.history.night import Entry
    from lab.sample import Sample

CELLS = tuple(map(Cell.parse, ("veth+overlayfs+runc", "tcfilter+virtiofs+reference")))
CALM = dict.fromkeys(TELLING, 0.0)
NIGHT_TOLD = Night(
    epoch_since=CREATED, epoch_reason="the first", epoch_nights=1, series=4, learning=4
)


def made(root: Path, *, days: int = 0) -> Path:
    return replace(FakeRun(cells=CELLS, rounds=2), created=CREATED + timedelta(days=days)).write(
        root
    )


def read(root: Path) -> tuple[Entry, ...]:
    return open_history(root, say=pytest.fail)


def test_the_history_is_the_runs_oldest_first(tmp_path: Path) -> None:
    paths = [made(tmp_path, days=days) for days in (2, 0, 1)]

    entries = read(tmp_path)

    assert [entry.run for entry in entries] == sorted(path.name for path in paths)
    assert entries[0].facts["accelerator"] == "tcg"
    assert entries[0].levels["veth+overlayfs+runc"].keys() >= {"tcp_out_goodput", "seq_read"}


def test_a_run_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path)
    first = read(tmp_path)
    monkeypatch.setattr(Run, "load", lambda _path: pytest.fail("read again"))

    assert read(tmp_path) == first


def test_a_run_that_has_changed_is_read_again(tmp_path: Path) -> None:
    path = made(tmp_path)
    read(tmp_path)
    write_night(path, NIGHT_TOLD)

    (entry,) = read(tmp_path)

    assert entry.night == NIGHT_TOLD


def test_a_run_that_is_gone_is_gone_from_the_history(tmp_path: Path) -> None:
    path = made(tmp_path)
    read(tmp_path)
    path.rename(tmp_path.parent / "elsewhere")

    assert read(tmp_path) == ()


@pytest.mark.parametrize(
    "spoilt", ["", "x", '{"schema":1}\n{"run"', '{"schema":99}\n', "[]\n", '{"schema":1}\n{}\n']
)
def test_an_index_that_does_not_fit_is_made_anew(tmp_path: Path, spoilt: str) -> None:
    made(tmp_path)
    good = read(tmp_path)
    (tmp_path / INDEX).write_text(spoilt)

    assert read(tmp_path) == good
    assert (tmp_path / INDEX).read_bytes().count(b"\n") == 2


def test_the_index_is_the_same_whenever_it_is_made(tmp_path: Path) -> None:
    for days in range(2):
        made(tmp_path, days=days)
        read(tmp_path)
    grown = (tmp_path / INDEX).read_bytes()
    (tmp_path / INDEX).unlink()

    read(tmp_path)
    assert (tmp_path / INDEX).read_bytes() == grown


def test_a_run_that_cannot_be_read_is_said_and_left_out(tmp_path: Path) -> None:
    good, bad = made(tmp_path), made(tmp_path, days=1)
    (bad / HEADER).write_text("{")
    said: list[str] = []

    entries = open_history(tmp_path, say=said.append)

    assert [entry.run for entry in entries] == [good.name]
    assert said[0].startswith(f"left out of the history: {bad.name}: ")


def test_a_run_that_ended_early_is_there_without_facts(tmp_path: Path) -> None:
    path = made(tmp_path)
    (path / ENVIRONMENT).unlink()

    (entry,) = read(tmp_path)

    assert entry.facts == {}


def test_a_folder_that_is_not_there_has_no_history(tmp_path: Path) -> None:
    assert read(tmp_path / "nowhere") == ()


@pytest.mark.parametrize("text", ["{", "{}", '{"schema": 99}'])
def test_a_record_of_a_night_that_does_not_fit_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / NIGHT).write_text(text)

    assert read_night(tmp_path) is None


def sample(run: Run, **changes: object) -> Sample:
    return msgspec.structs.replace(run.samples[0], noise=CALM, **changes)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.load(made(tmp_path))


def test_iterations_of_a_boot_are_averaged_as_logarithms(run: Run) -> None:
    found = levels([sample(run, value=value, round=1) for value in (100.0, 400.0)])

    (level,) = (each for metrics in found.values() for each in metrics.values())
    assert level.rounds == {1: pytest.approx(math.log(200), abs=1e-6)}
    assert level.is_noise_known


def test_what_is_contaminated_or_no_ratio_can_be_made_of_is_left_out(run: Run) -> None:
    found = levels(
        [
            sample(run, value=100.0, round=1),
            msgspec.structs.replace(sample(run, round=2), noise=CALM | {"host_steal": 0.5}),
            sample(run, value=0.0, round=3),
            sample(run, value=float("nan"), round=4),
        ]
    )

    (level,) = (each for metrics in found.values() for each in metrics.values())
    assert list(level.rounds) == [1]


def test_noise_that_nobody_read_is_not_known(run: Run) -> None:
    found = levels([msgspec.structs.replace(sample(run), noise=CALM | {"node_steal": None})])

    assert [each.is_noise_known for m in found.values() for each in m.values()] == [False]


def test_only_the_attempt_that_counts_is_used(run: Run) -> None:
    first = msgspec.structs.replace(
        sample(run, value=50.0, round=1), noise=CALM | {"host_steal": 0.5}
    )
    found = levels([first, sample(run, value=100.0, round=1, attempt=2)])

    (level,) = (each for metrics in found.values() for each in metrics.values())
    assert level.rounds == {1: pytest.approx(math.log(100), abs=1e-6)}
