"""The locked tools, for whoever makes a disk."""

from __future__ import annotations

import tarfile
from io import BytesIO
from stat import S_ISDIR
from typing import TYPE_CHECKING

import pytest

from lab.image import debs
from lab.image.assemble import TOOLS
from lab.image.entry import file, with_parents
from lab.image.lock import Lock, Package
from lab.image.locked_tools import locked_tools
from lab.image.packages import PackageSet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TOOL = Package("zstd", "1.5.7", "amd64", 9, "a" * 64, (PackageSet.TOOLS,))
LOCK = Lock("trixie", 86_400, (TOOL, Package("fio", "3.39", "amd64", 9, "b" * 64, ())))


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was fetched; the packages hold the tools and nothing else."""
    names: list[str] = []

    def extract(packages: Sequence[Package], archive: Path, *, epoch: int) -> None:
        assert [package.name for package in packages] == ["zstd"]
        assert epoch == LOCK.epoch
        with tarfile.open(archive, "w:") as made:
            for entry in with_parents([file(name, b"tool") for name in TOOLS]):
                member = tarfile.TarInfo(f"./{entry.name}")
                member.type = tarfile.DIRTYPE if S_ISDIR(entry.mode) else tarfile.REGTYPE
                member.size = len(entry.data)
                made.addfile(member, BytesIO(entry.data))

    monkeypatch.setattr(debs, "extract", extract)
    monkeypatch.setattr(debs, "missing", list)
    monkeypatch.setattr(debs, "fetch", lambda found: names.extend(each.name for each in found))
    return names


def test_they_are_there_for_the_block_and_their_packages_are_fetched(fetched: list[str]) -> None:
    with locked_tools(LOCK) as tools:
        found = {name: (tools.directory / name).read_bytes() for name in TOOLS}

    assert found == dict.fromkeys(TOOLS, b"tool")
    assert not tools.directory.exists()
    assert fetched == ["zstd"]
