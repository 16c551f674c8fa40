"""Locked packages as files: a cache by digest, and the repository that a build reads."""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import tarfile
import zlib
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from typing import IO, TYPE_CHECKING

from lab import files, owner
from lab.errors import CommandError, ImageError
from lab.image import mmdebstrap
from lab.image.packages import ARCHITECTURE, SUITE
from lab.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lab.image.lock import Package

AR_MAGIC = b"!<arch>\n"
AR_HEADER_BYTES = 60
CONTROL_LIMIT_BYTES = 16 << 20
"""However small it is packed: a control file is some kilobytes, the scripts beside it are more."""
COMPONENT = "main"


def cached(package: Package) -> Path:
    """Where the file of *package* is kept."""
    return files.state_dir() / "debs" / f"{package.sha256}.deb"


def missing(packages: Sequence[Package]) -> list[Package]:
    """Return those *packages* that are not in the cache."""
    return [package for package in packages if not cached(package).exists()]


def fetch(packages: Sequence[Package]) -> None:
    """
    Download *packages* into the cache, each only if its digest is the locked one.

    Raises:
        ImageError: if the mirror lacks one, or has another file under its name and version.
    """
    with scratch("debs") as folder:
        _download(packages, folder)
        found = {files.sha256(path): path for path in folder.glob("*.deb")}
        for package in packages:
            if package.sha256 not in found:
                problem = f"the mirror's {package.name} {package.version} is not the locked file"
                raise ImageError(problem, remedy="run `lab image lock` to lock the mirror's")
        for package in packages:
            _keep(found[package.sha256], cached(package))


def extract(packages: Sequence[Package], archive: Path, *, epoch: int) -> None:
    """Unpack *packages*, which are in the cache, into the tar file *archive*; run none of them."""
    with (
        repository(packages, epoch=epoch) as source,
        mmdebstrap.making(
            source,
            archive,
            variant="extract",
            include=[package.name for package in packages],
            epoch=epoch,
        ) as run,
    ):
        run.finish(timeout_s=mmdebstrap.MAKE_TIMEOUT_S)


@contextmanager
def repository(packages: Sequence[Package], *, epoch: int) -> Iterator[Path]:
    """
    Offer *packages* as a Debian repository, for as long as the block.

    It lies outside of the cache because mmdebstrap, run by a user, is a user of its own that
    may not enter a home directory.
    """
    with scratch("repository") as root:
        root.chmod(0o755)
        stanzas = []
        for package in packages:
            path = root / f"{package.sha256}.deb"
            _link_or_copy(cached(package), path)
            stanzas.append(
                f"{control(path)}\nFilename: {path.name}\nSize: {package.size}\n"
                f"SHA256: {package.sha256}\n"
            )
        _write_index(root / "dists" / SUITE, "\n".join(stanzas).encode(), epoch=epoch)
        yield root


def control(deb: Path) -> str:
    """
    Read the control file of a package: what dpkg knows of it.

    Raises:
        ImageError: if *deb* is no Debian package.
    """
    try:
        with deb.open("rb") as stream:
            return _control_in(stream)
    except (
        ValueError,
        LookupError,
        tarfile.TarError,
        zlib.error,
        lzma.LZMAError,
        EOFError,
    ) as error:
        remedy = f"remove {deb.parent}: it is a cache"
        raise ImageError(f"{deb} is not a Debian package: {error}", remedy=remedy) from error


def _control_in(stream: IO[bytes]) -> str:
    """Format: deb(5), an ar archive, in which a compressed tar has the control file."""
    magic = stream.read(len(AR_MAGIC))
    while magic == AR_MAGIC and (header := stream.read(AR_HEADER_BYTES)):
        size = int(header[48:58])
        if not 0 <= size <= CONTROL_LIMIT_BYTES and header.startswith(b"control.tar"):
            raise ValueError(f"its control archive has {size} bytes")
        if header.startswith(b"control.tar"):
            with tarfile.open(fileobj=BytesIO(stream.read(size))) as archive:
                member = archive.extractfile("./control")
                if member:
                    return member.read(CONTROL_LIMIT_BYTES).decode().strip()
        stream.seek(size + size % 2, os.SEEK_CUR)
    raise LookupError("it has no control file")


def _download(packages: Sequence[Package], target: Path) -> None:
    try:
        mmdebstrap.fetch([f"{package.name}={package.version}" for package in packages], target)
    except CommandError as error:
        offered = mmdebstrap.offered([package.name for package in packages])
        gone = [package for package in packages if (package.name, package.version) not in offered]
        if not gone:
            raise
        named = ", ".join(f"{package.name} {package.version}" for package in gone)
        remedy = "run `lab image lock`, which locks what it has now"
        raise ImageError(f"the mirror no longer has {named}", remedy=remedy) from error


def _keep(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(owner.mark(f".{target.name}"))
    try:
        shutil.copyfile(source, part)
        part.chmod(0o644)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)


def _write_index(directory: Path, packages: bytes, *, epoch: int) -> None:
    name = f"{COMPONENT}/binary-{ARCHITECTURE}/Packages"
    files.write_atomic(directory / name, packages)
    date = f"{datetime.fromtimestamp(epoch, UTC):%a, %d %b %Y %H:%M:%S} UTC"
    release = {
        "Suite": SUITE,
        "Codename": SUITE,
        "Architectures": ARCHITECTURE,
        "Components": COMPONENT,
        "Date": date,
        "SHA256": f"\n {hashlib.sha256(packages).hexdigest()} {len(packages)} {name}",
    }
    lines = "".join(f"{key}: {value}\n" for key, value in release.items())
    files.write_atomic(directory / "Release", lines)
