"""The digest of a sparse file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.image import disk

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 5 * disk.CHUNK_BYTES + 100


def sparse(path: Path, *pieces: tuple[int, bytes], size: int = SIZE) -> str:
    with path.open("wb") as stream:
        for offset, data in pieces:
            stream.seek(offset)
            stream.write(data)
        stream.truncate(size)
    return disk.digest(path)


def test_written_zeros_and_holes_are_the_same(tmp_path: Path) -> None:
    data = (disk.CHUNK_BYTES + 10, b"data")

    assert sparse(tmp_path / "a", data) == sparse(tmp_path / "b", (0, bytes(SIZE)), data)


@pytest.mark.parametrize(
    "pieces",
    [[], [(0, b"data")], [(disk.CHUNK_BYTES, b"data")], [(SIZE - 4, b"data")], [(0, b"dati")]],
    ids=["empty", "start", "second chunk", "end", "other"],
)
def test_other_content_or_place_has_another_digest(
    tmp_path: Path, pieces: list[tuple[int, bytes]]
) -> None:
    assert sparse(tmp_path / "a", *pieces) != sparse(tmp_path / "b", (10, b"data"))


def test_size_counts(tmp_path: Path) -> None:
    assert sparse(tmp_path / "a", size=SIZE) != sparse(tmp_path / "b", size=SIZE + 1)
