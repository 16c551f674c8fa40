"""Disks by a qemu-img that only remembers what it was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.disks import Disks, make_empty, make_overlay, overlays
from tests.fakes import Programs

ARTEFACTS = Path("/artefacts/1f.img")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    made = Programs.first_on_path(tmp_path / "bin", monkeypatch)
    made.add("qemu-img", "exit 0")
    return made


def test_an_overlay_knows_the_format_of_what_is_below(programs: Programs, tmp_path: Path) -> None:
    made = make_overlay(tmp_path / "disk.img", tmp_path / "over.qcow2", base_format="raw")

    assert made == tmp_path / "over.qcow2"
    assert programs.calls("qemu-img") == [
        f"create -q -f qcow2 -F raw -b {tmp_path}/disk.img {tmp_path}/over.qcow2"
    ]


def test_an_empty_disk_has_its_size(programs: Programs, tmp_path: Path) -> None:
    make_empty(tmp_path / "data.qcow2", size_gib=16)

    assert programs.calls("qemu-img") == [f"create -q -f qcow2 {tmp_path}/data.qcow2 16G"]


def test_a_disk_is_its_owners_alone_from_its_first_byte(programs: Programs, tmp_path: Path) -> None:
    programs.add("qemu-img", 'for last; do :; done; stat -c %a "${last%16G}" >"$0.mode"; exit 0')
    disk = tmp_path / "over.qcow2"

    make_overlay(tmp_path / "disk.img", disk)

    assert (programs.folder / "qemu-img.mode").read_text() == "600\n"


def test_the_nodes_of_a_lab_have_overlays_of_their_own(programs: Programs, tmp_path: Path) -> None:
    base, lab = tmp_path / "prepared", tmp_path / "lab"
    lab.mkdir()
    made = [
        overlays(Disks.of(node, base, artefacts=ARTEFACTS), node, lab)
        for node in ("control-1", "worker-1")
    ]

    assert [disks.root for disks in made] == [
        lab / "control-1-root.qcow2",
        lab / "worker-1-root.qcow2",
    ]
    assert {disks.artefacts for disks in made} == {ARTEFACTS}
    assert programs.calls("qemu-img")[2:] == [
        f"create -q -f qcow2 -F qcow2 -b {base}/worker-1-root.qcow2 {lab}/worker-1-root.qcow2",
        f"create -q -f qcow2 -F qcow2 -b {base}/worker-1-data.qcow2 {lab}/worker-1-data.qcow2",
    ]
