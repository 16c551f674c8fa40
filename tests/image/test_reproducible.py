"""One lock, one image: built twice from the same packages, bit for bit the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import files
from lab.image import lock
from lab.image.build import build

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_two_builds_from_one_lock_have_the_same_digests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    debs = files.state_dir() / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    built = []
    for name in ("first", "second"):
        home = tmp_path / name
        home.mkdir()
        (home / "debs").symlink_to(debs)
        monkeypatch.setenv("LAB_HOME", str(home))
        built.append(build(lock.load(), say=print))

    first, second = built
    assert first.guest.digest == second.guest.digest
    assert first.workload.digest == second.workload.digest
    assert first.node.digest == second.node.digest
    assert files.sha256(first.node.disk) == files.sha256(second.node.disk)
