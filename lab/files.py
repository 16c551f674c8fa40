"""Files that survive a crash: atomic writes, fsynced appends, digests, locks; and folders' ends."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from lab import owner
from lab.wait import Pending, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHUNK_BYTES = 1 << 20
LOCK_TIMEOUT_S = 7200.0
LOCK_POLL_S = 0.1
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
BLOCK_BYTES = 512
"""What st_blocks counts, whatever the file system's own blocks are (inode(7))."""


def write_atomic(
    path: Path, data: str | bytes, *, mode: int = 0o644, below: Path | None = None
) -> None:
    """
    Write *data* to *path* so that a reader sees the old file or the new, never a part.

    Folders are made as they are needed; with *below*, only below that one, which must be there.
    """
    if below is None:
        path.parent.mkdir(parents=True, exist_ok=True)
    else:
        for folder in reversed(path.relative_to(below).parents[:-1]):
            (below / folder).mkdir(exist_ok=True)
    raw = data.encode() if isinstance(data, str) else data
    unfinished = path.with_name(owner.mark(f".{path.name}"))
    try:
        with os.fdopen(os.open(unfinished, NEW, 0o600), "wb") as stream:
            stream.write(raw)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        unfinished.replace(path)
        sync_folder(path.parent)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def append_line(path: Path, line: str) -> None:
    """
    Append *line* to *path* and return only when the disk has it.

    If the disk has no room, half a line must not stay: it would spoil the next one.
    """
    rest = memoryview(f"{line}\n".encode())
    with path.open("ab", buffering=0) as stream:
        end = stream.tell()
        try:
            while rest:
                rest = rest[stream.write(rest) or 0 :]
            os.fsync(stream.fileno())
        except OSError:
            with suppress(OSError):
                os.ftruncate(stream.fileno(), end)
            raise
    if not end:
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Return when the disk has the names in a folder, which a file's own sync does not see to."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def put_in_place(unfinished: Path, path: Path) -> None:
    """Give what is finished its own name, once the disk has all of it: a file or a folder."""
    every = [unfinished, *unfinished.rglob("*")] if unfinished.is_dir() else [unfinished]
    for each in every:
        if each.is_symlink():
            continue
        handle = os.open(each, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    unfinished.replace(path)
    sync_folder(path.parent)


def sha256(path: Path) -> str:
    """The hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def locked(path: Path, *, say: Callable[[str], None] | None = None) -> Iterator[None]:
    """
    Hold an exclusive lock on *path*; the kernel lets go of it if this process dies.

    Args:
        say: Told if another has it, so that one has to wait.

    Raises:
        NotReadyError: if another has it for longer than anything takes that is done under it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:

        def take() -> None:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Pending("another run has it") from None

        try:
            take()
        except Pending:
            if say:
                say(f"waiting for another run, which has {path}")
            wait_for(
                f"the lock {path}",
                take,
                timeout_s=LOCK_TIMEOUT_S,
                every_s=LOCK_POLL_S,
                remedy=f"see who has it: `fuser -v {path}`",
            )
        yield


def hold(path: Path, text: str = "") -> IO[str]:
    """
    Make the file *path*, which anybody may read and which is locked until it is closed.

    The kernel lets go of it if this process dies: that tells a dead one from one that lives,
    whatever can be seen of it otherwise. Nobody ever meets the file unlocked.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(owner.mark(f".{path.name}"))
    stream = unfinished.open("x+", encoding="utf-8")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.fchmod(stream.fileno(), 0o644)
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
        unfinished.rename(path)
    except BaseException:
        stream.close()
        unfinished.unlink(missing_ok=True)
        raise
    return stream


def is_held(path: Path) -> bool | None:
    """Whether somebody holds *path* locked; None if it is not there, or not for us to read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def remove(path: Path) -> None:
    """
    Remove a file, or a folder with all that is in it; what is gone already is fine.

    Raises:
        OSError: if something in it would not go; what could be removed is gone then.
    """
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    stuck: list[OSError] = []

    def note(_action: Callable[..., Any], _name: str, found: Any) -> None:  # noqa: ANN401 - as it is
        error = found[1]
        if not isinstance(error, FileNotFoundError):
            stuck.append(error)

    shutil.rmtree(path, onerror=note)
    if stuck:
        raise stuck[0]


def size_bytes(path: Path) -> int:
    """What a file, or a folder with all that is in it, takes on the disk."""
    try:
        found = path.lstat().st_blocks * BLOCK_BYTES
        inside = tuple(path.iterdir()) if path.is_dir() and not path.is_symlink() else ()
    except OSError:  # gone meanwhile, or not for us to see
        return 0
    return found + sum(map(size_bytes, inside))


def state_dir() -> Path:
    """
    Where images and prepared nodes are kept between runs.

    ``$LAB_HOME``, or for root a directory that QEMU's own user may read (libvirt's
    system daemon runs QEMU as ``libvirt-qemu``, which cannot enter ``/root``).
    """
    if chosen := os.environ.get("LAB_HOME"):
        return Path(chosen).absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/kata-lab")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kata-lab"
