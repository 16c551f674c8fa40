"""What a sample carries besides its value."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from lab.gates import Moved
from lab.measure import Measure
from lab.plan import Boot
from tests.samples import GOODPUT

if TYPE_CHECKING:
    from lab.sample import Sample

CELL = "tcfilter+virtiofs+reference"
DISKS: dict[str, float | None] = {"node_disk_read_bytes": 6e6, "host_disk_read_bytes": None}


class Kept(list["Sample"]):
    """A store that keeps samples in memory."""

    def add_sample(self, sample: Sample) -> None:
        self.append(sample)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def measure(kept: Kept) -> Measure:
    bench: Any = SimpleNamespace(
        store=kept,
        setting=SimpleNamespace(topology=SimpleNamespace(node=SimpleNamespace(memory_mib=4096))),
        noise=lambda: "before",
        noise_since=lambda _before: DISKS,
        start_noise={"host_steal": 0.5},
    )
    boot = Boot(id=f"{CELL}-r2", cell_name=CELL, round=2, position=7)
    return Measure(bench, boot, scenario="a.py::test_a")


def test_a_sample_of_storage_has_its_cache_hit_factors(measure: Measure, kept: Kept) -> None:
    with measure.watching():
        pass
    measure(GOODPUT, 1.0, moved=Moved(read_bytes=4_000_000, file_bytes=512 << 20))

    (sample,) = kept
    assert sample.noise == DISKS
    assert sample.quality == {
        "node_read_factor": 1.5, "host_read_factor": None, "working_set_factor": 0.125,
    }  # fmt: skip


def test_a_sample_of_a_flow_says_how_steady_it_was(measure: Measure, kept: Kept) -> None:
    measure(GOODPUT, 1.0, rates=[90.0, 95.0, 100.0, 105.0, 110.0])

    assert kept[0].quality == {
        "window_range": pytest.approx(0.2),
        "window_excursion": pytest.approx(0.2),
        "interval_lag_1": None,
    }


def test_of_other_samples_nothing_more_is_known(measure: Measure, kept: Kept) -> None:
    measure(GOODPUT, 1.0)

    assert kept[0].quality == {}
    assert kept[0].noise == {}


def test_what_was_measured_during_the_start_has_the_noise_of_the_start(
    measure: Measure, kept: Kept
) -> None:
    measure.take_start()
    measure(GOODPUT, 1.0)

    assert kept[0].noise == {"host_steal": 0.5}
