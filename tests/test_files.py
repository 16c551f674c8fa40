from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lab import files
from lab.errors import NotReadyError
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


def test_a_file_that_is_held_is_free_once_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "new" / "held"

    with files.hold(path, "text"):
        assert files.is_held(path) is True
        assert path.read_text() == "text"
        assert stat.S_IMODE(path.stat().st_mode) == 0o644

    assert files.is_held(path) is False


def test_nobody_meets_a_held_file_before_it_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "held"
    rename = Path.rename

    def renaming(self: Path, target: Path) -> Path:
        assert files.is_held(self) is True
        assert not target.exists()
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", renaming)

    files.hold(path).close()
    assert path.exists()


def test_a_held_file_that_cannot_be_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match="No space left"):
        files.hold(tmp_path / "held")

    assert list(tmp_path.iterdir()) == []


def test_the_kernel_lets_go_of_what_a_killed_process_held(tmp_path: Path) -> None:
    path = tmp_path / "held"
    script = (
        "import sys, pathlib; from lab.files import hold; held = hold(pathlib.Path(sys.argv[1]));"
        " print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        assert files.is_held(path) is True
        process.kill()

    assert files.is_held(path) is False


def test_what_is_not_there_or_a_link_is_held_by_nobody(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "file").touch()

    assert files.is_held(tmp_path / "none") is None
    assert files.is_held(tmp_path / "link") is None


def test_a_folder_is_removed_and_where_links_lead_is_not(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "folder" / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "link").symlink_to(tmp_path / "kept")

    for name in ("folder", "link", "none"):
        files.remove(tmp_path / name)

    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_what_cannot_be_removed_does_not_save_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "stuck", "z"):
        (tmp_path / "folder" / name).mkdir(parents=True)
    rmdir = os.rmdir

    def refusing(path: str, **how: int) -> None:
        if os.fspath(path).endswith("stuck"):
            raise OSError(errno.EBUSY, "Device or resource busy")
        rmdir(path, **how)

    monkeypatch.setattr(os, "rmdir", refusing)

    with pytest.raises(OSError, match="busy"):
        files.remove(tmp_path / "folder")

    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["stuck"]


def test_the_size_of_a_folder_is_what_its_files_take(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "full").write_bytes(b"x" * 100_000)
    with (tmp_path / "folder" / "sparse").open("wb") as stream:
        stream.truncate(1 << 30)
    (tmp_path / "folder" / "link").symlink_to("/usr")

    assert 100_000 <= files.size_bytes(tmp_path / "folder") < 1_000_000
    assert files.size_bytes(tmp_path / "none") == 0


def test_who_has_to_wait_for_a_lock_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    said: list[str] = []
    monkeypatch.setattr(files, "LOCK_POLL_S", 0.0)
    monkeypatch.setattr(files, "LOCK_TIMEOUT_S", 0.05)

    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(NotReadyError, match="another run has it") as caught:
            locked(path, say=said.append).__enter__()

    assert said == [f"waiting for another run, which has {path}"]
    assert f"fuser -v {path}" in caught.value.remedy
    with locked(path, say=said.append):
        assert len(said) == 1


def test_a_lock_is_had_once_it_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lock"
    tries: list[int] = []
    flock = fcntl.flock

    def taken_twice(stream: object, how: int) -> None:
        tries.append(how)
        if len(tries) <= 2:
            raise BlockingIOError
        flock(stream, how)  # type: ignore[arg-type] # a stream has a file's number

    monkeypatch.setattr(files, "LOCK_POLL_S", 0.0)
    monkeypatch.setattr(fcntl, "flock", taken_twice)

    with locked(path):
        assert len(tries) == 3


def test_a_folder_that_somebody_has_taken_away_is_not_made_anew(tmp_path: Path) -> None:
    root = tmp_path / "run"
    root.mkdir()
    files.write_atomic(root / "raw" / "boot" / "report", "text", below=root)
    root.rename(tmp_path / "gone")

    for path in (root / "header", root / "raw" / "boot" / "report"):
        with pytest.raises(FileNotFoundError):
            files.write_atomic(path, "text", below=root)
    assert not root.exists()


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be glued to the next one, and both would be lost."""
    path = tmp_path / "ledger.jsonl"
    files.append_line(path, "one")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            files.append_line(path, "two")
    files.append_line(path, "three")

    assert path.read_text() == "one\nthree\n"


def test_what_gets_its_name_is_on_the_disk_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that is reset must not find half a disk under a name that is trusted for ever."""
    unfinished, target = tmp_path / ".new", tmp_path / "made"
    (unfinished / "deep").mkdir(parents=True)
    (unfinished / "deep" / "disk.img").write_text("disk")
    (unfinished / "link").symlink_to("deep/disk.img")
    synced: list[tuple[str, bool]] = []

    def fsync(handle: int) -> None:
        name = Path(f"/proc/self/fd/{handle}").readlink()
        synced.append((str(name.relative_to(tmp_path)), target.exists()))

    monkeypatch.setattr("os.fsync", fsync)

    files.put_in_place(unfinished, target)

    assert (target / "link").read_text() == "disk"
    assert sorted(synced[:-1]) == [
        (".new", False), (".new/deep", False), (".new/deep/disk.img", False),
    ]  # fmt: skip
    assert synced[-1] == (".", True)
