from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path

import pytest

from lab import files
from lab.files import append_line, locked, sha256, state_dir, write_atomic

SHA256_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"""FIPS 180-4's own example."""


@pytest.mark.parametrize("data", ["häuser\n", "häuser\n".encode()], ids=["text", "bytes"])
def test_what_is_written_is_there(tmp_path: Path, data: str | bytes) -> None:
    write_atomic(tmp_path / "new" / "folder" / "file", data)

    assert (tmp_path / "new" / "folder" / "file").read_text(encoding="utf-8") == "häuser\n"


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("something longer")

    write_atomic(path, "short")

    assert path.read_text() == "short"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o644, 0o600])
def test_a_file_has_the_mode_that_was_asked_for(tmp_path: Path, mode: int) -> None:
    write_atomic(tmp_path / "file", "", mode=mode)

    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match="No space left"):
        write_atomic(path, "new")

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_lines_are_appended(tmp_path: Path) -> None:
    append_line(tmp_path / "log", "one")
    append_line(tmp_path / "log", "zwölf")

    assert (tmp_path / "log").read_text(encoding="utf-8") == "one\nzwölf\n"


def test_a_digest_is_the_standards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("abc")
    monkeypatch.setattr(files, "CHUNK_BYTES", 2)

    assert sha256(tmp_path / "file") == SHA256_OF_ABC


def test_nobody_else_gets_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lock"

    with locked(path), path.open() as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)


def test_the_lock_is_free_after_an_exception(tmp_path: Path) -> None:
    path = tmp_path / "lock"

    with pytest.raises(ZeroDivisionError), locked(path):
        _ = 1 / 0

    with path.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_user_says_where_state_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAB_HOME", "here")

    assert state_dir() == tmp_path / "here"


@pytest.mark.parametrize(
    ("uid", "cache", "expected"),
    [
        (0, "/cache", "/var/lib/kata-lab"),
        (1000, "/cache", "/cache/kata-lab"),
        (1000, "", "/home/ada/.cache/kata-lab"),
    ],
)
def test_state_is_kept_where_qemu_may_read_it(
    monkeypatch: pytest.MonkeyPatch, uid: int, cache: str, expected: str
) -> None:
    monkeypatch.delenv("LAB_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", cache)
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setattr(os, "geteuid", lambda: uid)

    assert state_dir() == Path(expected)
