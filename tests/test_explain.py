from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.errors import UsageError
from lab.explain import explain, find, last_seen
from lab.matrix import ALL_CELLS, CONTROLS, Cell, Runtime, Variant
from lab.outcome import Outcome
from tests.fake_run import NO_DAX, FakeRun, Trouble

if TYPE_CHECKING:
    from pathlib import Path

CELLS = tuple(map(Cell.parse, ("veth+overlayfs+runc", "tcfilter+virtiofs+reference")))
OTHER = Cell.parse("macvtap+9p+reference")


@pytest.mark.parametrize("cell", ALL_CELLS, ids=str)
def test_every_cell_is_explained(cell: Cell, tmp_path: Path) -> None:
    found = explain(str(cell), tmp_path)

    assert [axis for axis, _, _ in found.axes] == ["network", "storage", "runtime"]
    assert all(paragraphs and all(paragraphs) for _, _, paragraphs in found.axes)
    assert found.expected.source
    assert (found.version is None) is (cell.runtime in CONTROLS)
    assert bool(found.wiring) is (cell.runtime is not Runtime.RUNC)
    assert found.seen is None


def test_the_control_is_not_said_to_be_on_a_guests_disk(tmp_path: Path) -> None:
    axes = explain("veth+devmapper+runc", tmp_path).axes

    assert "virtio" not in " ".join(text for _, _, told in axes for text in told)


def test_a_variant_is_read_against_its_cell(tmp_path: Path) -> None:
    found = explain(f"{CELLS[1]}+twin", tmp_path)

    assert found.control == CELLS[1]
    assert found.axes[-1][:2] == ("variant", "twin")
    assert found.cell.variant is Variant.TWIN


def test_what_is_expected_of_other_versions_is_told(tmp_path: Path) -> None:
    found = explain("tcfilter+9p+kata-go", tmp_path)

    assert found.version == "3.28.0"
    assert "Failed to find the storage handler 9p" in {line.text for line in found.elsewhere}


def test_the_newest_run_with_the_cell_is_told_of(tmp_path: Path) -> None:
    FakeRun(cells=CELLS).write(tmp_path)
    newest = FakeRun(cells=CELLS, rounds=2).write(tmp_path)
    FakeRun(cells=(CELLS[0], OTHER)).write(tmp_path)

    seen = last_seen(CELLS[1], tmp_path)

    assert seen is not None
    assert seen.run == newest.name
    assert seen.counts.keys() <= set(Outcome)
    assert seen.counts[Outcome.PASS]
    assert seen.boot == f"{CELLS[1]}-r2"
    assert seen.path is not None


def test_a_cell_that_did_not_come_up_has_a_reason_and_no_path(tmp_path: Path) -> None:
    cell = Cell.parse("tcfilter+virtiofs-dax+reference")
    FakeRun(
        cells=(CELLS[0], cell), trouble={str(cell): Trouble(Outcome.UNSUPPORTED, NO_DAX)}
    ).write(tmp_path)

    found = explain(str(cell), tmp_path)

    assert found.seen is not None
    assert found.seen.path is None
    assert {outcome for outcome, _ in found.seen.reasons} == {Outcome.UNSUPPORTED}
    assert any("cache-size=256M" in line for line in found.wiring)


def test_wiring_gives_way_to_what_was_read(tmp_path: Path) -> None:
    FakeRun(cells=CELLS).write(tmp_path)

    assert explain(str(CELLS[1]), tmp_path).wiring == ()


def test_a_wrong_name_is_answered_with_near_ones() -> None:
    with pytest.raises(UsageError, match="there is no cell 'tcfliter") as caught:
        find("tcfliter+virtiofs+reference")

    assert "did you mean tcfilter+virtiofs+reference" in caught.value.remedy


def test_a_name_like_none_is_answered_with_the_form() -> None:
    with pytest.raises(UsageError) as caught:
        find("qqqq")

    assert caught.value.remedy.startswith("a cell is network+storage+runtime")
