"""Archives of root file systems: links are followed, and a rewritten one is reproducible."""

from __future__ import annotations

import io
import stat
import tarfile
from typing import TYPE_CHECKING

import pytest

from lab.errors import ImageError
from lab.image import rootfs
from lab.image.entry import file, symlink

if TYPE_CHECKING:
    from pathlib import Path

EPOCH = 1_000_000


def member(name: str, kind: bytes, *, target: str = "", mtime: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mtime = kind, target, mtime
    info.uid, info.uname = 7, "builder"
    return info


def archive(path: Path, *, mtime: int = 0) -> Path:
    """A merged /usr, a library with its link, and a name of another host's."""
    with tarfile.open(path, "w") as tar:
        tar.addfile(member("./", tarfile.DIRTYPE, mtime=mtime))
        tar.addfile(member("./lib", tarfile.SYMTYPE, target="usr/lib"))
        tar.addfile(member("./usr/", tarfile.DIRTYPE))
        tar.addfile(member("./usr/lib/", tarfile.DIRTYPE))
        tar.addfile(member("./usr/lib/libz.so.1", tarfile.SYMTYPE, target="/lib/libz.so.1.3"))
        real = member("./usr/lib/libz.so.1.3", tarfile.REGTYPE, mtime=mtime)
        real.size = 4
        tar.addfile(real, io.BytesIO(b"code"))
        tar.addfile(member("./usr/lib/again", tarfile.LNKTYPE, target="./usr/lib/libz.so.1.3"))
        tar.addfile(member("./loop", tarfile.SYMTYPE, target="loop"))
        tar.addfile(member("./etc/hostname", tarfile.REGTYPE))
    return path


def test_links_are_followed_in_every_part_of_a_path(tmp_path: Path) -> None:
    with rootfs.opened(archive(tmp_path / "a.tar")) as root:
        assert root.resolve("/lib/libz.so.1") == "usr/lib/libz.so.1.3"
        assert root.read("lib/libz.so.1") == b"code"
        assert root.read("usr/lib/again") == b"code"


@pytest.mark.parametrize("path", ["usr/bin/env", "loop", "usr/lib/libz.so.1.3/x"])
def test_path_that_leads_nowhere_is_an_error(tmp_path: Path, path: str) -> None:
    with (
        rootfs.opened(archive(tmp_path / "a.tar")) as root,
        pytest.raises(ImageError, match="is not in the packages"),
    ):
        root.read(path)


def test_directory_cannot_be_read(tmp_path: Path) -> None:
    with (
        rootfs.opened(archive(tmp_path / "a.tar")) as root,
        pytest.raises(ImageError, match="is not a file"),
    ):
        root.read("usr/lib")


def test_rewritten_archive_depends_on_the_content_alone(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for source, target in ((archive(tmp_path / "a", mtime=EPOCH + 5), first),
                           (archive(tmp_path / "b", mtime=EPOCH + 9), second)):  # fmt: skip
        rootfs.rewrite(source, target, keep=lambda _: True, epoch=EPOCH)

    assert first.read_bytes() == second.read_bytes()


def test_rewritten_archive_holds_what_is_kept_and_added(tmp_path: Path) -> None:
    target = tmp_path / "new.tar"

    rootfs.rewrite(
        archive(tmp_path / "a.tar"),
        target,
        keep=lambda name: name != "etc/hostname",
        add=[file("etc/ssh/key", b"secret", mode=0o600), symlink("loop", "usr")],
        epoch=EPOCH,
    )

    with tarfile.open(target) as tar:
        members = {rootfs.normal(info.name): info for info in tar}
        key = tar.extractfile("./etc/ssh/key")
        assert key is not None
        assert key.read() == b"secret"
    assert "etc/hostname" not in members
    assert members["etc"].isdir()
    assert members["loop"].linkname == "usr"
    assert stat.S_IMODE(members["etc/ssh/key"].mode) == 0o600
    assert (members["usr/lib"].uid, members["usr/lib"].uname) == (7, "")
    assert list(members) == sorted(members)
