"""Packages as files: fetched only if they are the locked ones, offered as a repository."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from lab.command import Completed
from lab.errors import CommandError, ImageError
from lab.image import debs, mmdebstrap
from lab.image.lock import Package
from lab.image.packages import PackageSet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CONTROL = "Package: hello\nVersion: 1\nArchitecture: all\n"


def deb(control: str = CONTROL) -> bytes:
    """Build a package as deb(5) describes it: an ar archive of a version and two tars."""
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as archive:
        member = tarfile.TarInfo("./control")
        member.size = len(control)
        archive.addfile(member, io.BytesIO(control.encode()))
    members = {"debian-binary": b"2.0\n", "control.tar.gz": gzip.compress(inner.getvalue())}
    parts = [b"!<arch>\n"]
    for name, data in members.items():
        parts.append(f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode())
        parts.append(data + b"\n" * (len(data) % 2))
    return b"".join(parts)


def locked(name: str, data: bytes) -> Package:
    digest = hashlib.sha256(data).hexdigest()
    return Package(name, "1", "all", len(data), digest, (PackageSet.GUEST,))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory of this test's own."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    return tmp_path


def serve(monkeypatch: pytest.MonkeyPatch, **files: bytes) -> None:
    """Let a mirror have these packages."""

    def fetch(requests: Sequence[str], target: Path) -> None:
        for request in requests:
            name = request.partition("=")[0]
            if name not in files:
                gone = Completed(("mmdebstrap",), 1, "", "E: Version '1' was not found", 0.1)
                raise CommandError("mmdebstrap exited with status 1", completed=gone)
            (target / f"{name}.deb").write_bytes(files[name])

    monkeypatch.setattr(mmdebstrap, "fetch", fetch)
    monkeypatch.setattr(mmdebstrap, "offered", lambda _: {(name, "1") for name in files})


def test_fetched_package_is_cached_by_its_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    package = locked("hello", deb())
    serve(monkeypatch, hello=deb())
    assert debs.missing([package]) == [package]

    debs.fetch([package])

    assert debs.missing([package]) == []
    assert debs.cached(package).read_bytes() == deb()


def test_every_package_that_the_mirror_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, hello=deb())
    wanted = [locked(name, deb()) for name in ("gone", "hello", "lost")]

    with pytest.raises(ImageError, match="no longer has gone 1, lost 1") as caught:
        debs.fetch(wanted)

    assert "lab image lock" in caught.value.remedy


def test_failure_that_is_not_the_mirrors_stays_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch)
    monkeypatch.setattr(mmdebstrap, "offered", lambda _: {("hello", "1")})

    with pytest.raises(CommandError, match="status 1"):
        debs.fetch([locked("hello", deb())])


def test_another_file_under_the_same_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    package = locked("hello", deb())
    serve(monkeypatch, hello=deb(CONTROL + "Section: evil\n"))

    with pytest.raises(ImageError, match="hello 1 is not the locked file"):
        debs.fetch([package])

    assert debs.missing([package]) == [package]


def test_repository_says_what_is_in_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    package = locked("hello", deb())
    serve(monkeypatch, hello=deb())
    debs.fetch([package])

    with debs.repository([package], epoch=86_400) as root:
        index = (root / "dists/trixie/main/binary-amd64/Packages").read_text()
        release = (root / "dists/trixie/Release").read_text()
        assert (root / f"{package.sha256}.deb").read_bytes() == deb()

    assert index == (
        f"{CONTROL}Filename: {package.sha256}.deb\nSize: {package.size}\nSHA256: {package.sha256}\n"
    )
    assert hashlib.sha256(index.encode()).hexdigest() in release
    assert "Date: Fri, 02 Jan 1970 00:00:00 UTC\n" in release
    assert not root.exists()


@pytest.mark.parametrize("data", [b"", b"!<arch>\n", b"\x7fELF", deb()[:70]])
def test_what_is_no_package_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.deb"
    path.write_bytes(data)

    with pytest.raises(ImageError, match="not a Debian package"):
        debs.control(path)


def test_a_control_archive_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debs, "CONTROL_LIMIT_BYTES", 10)
    (tmp_path / "a.deb").write_bytes(deb())

    with pytest.raises(ImageError, match="its control archive has"):
        debs.control(tmp_path / "a.deb")
