"""The verbs that set a machine up, and say what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import cli
from lab.cli import main
from lab.image import build as image_build
from lab.image import lock as image_lock
from lab.image.build import GuestImage, Images, NodeImage, WorkloadImage

pytestmark = pytest.mark.usefixtures("place")


def test_images_are_built_from_the_lock(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    images = Images(
        node=NodeImage("d1", place, place, place, "6.12"),
        guest=GuestImage("d2", place, place),
        workload=WorkloadImage("d3", place, "lab.local/workload", "sha256:1"),
    )
    monkeypatch.setattr(image_lock, "load", lambda: "the lock")
    monkeypatch.setattr(image_build, "build", lambda lock, **_: {"the lock": images}[lock])

    assert main(["image", "build"]) == 0
    assert capsys.readouterr().out.split() == ["node", "d1", "guest", "d2", "workload", "d3"]


def test_the_lock_is_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[bool] = []
    monkeypatch.setattr(image_lock, "relock", lambda: moved.append(True))

    assert main(["image", "lock"]) == 0
    assert moved == [True]


def test_the_folder_of_the_scenarios_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["scenarios"]) == 0

    folder = Path(capsys.readouterr().out.strip())
    assert (folder / "network" / "test_parity.py").is_file()


def test_what_a_scenario_can_ask_for_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["scenarios", "--fixtures"]) == 0

    lines = capsys.readouterr().out.splitlines()
    place = lines.index("  sandbox, for a boot")
    assert lines[place + 1].strip().startswith("The sandbox of this boot, started and proven")
    assert "in storage/:" in lines
    assert max(map(len, lines)) <= 80
