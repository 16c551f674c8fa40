"""The lock: each package of each image, to the byte."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote

import msgspec

from lab import files
from lab.decode import DecodeError, toml_as
from lab.errors import ImageError
from lab.image import mmdebstrap
from lab.image.packages import (
    ARCHITECTURE,
    BACKPORTS,
    FROM_BACKPORTS,
    SUITE,
    WANTED,
    WITH_ESSENTIAL,
    PackageSet,
)

LOCK_FILE = Path(__file__).with_name("lock.toml")
DAY_S = 86_400
AGAIN = "run again with `lab --verbose image lock`"
HEADER = "# Made by `lab image lock`: what Debian had to offer that day. Do not edit.\n"
# What `apt-get --print-uris` says of a package: '<address>' <file> <bytes> SHA256:<digest>
_URI_LINE = re.compile(
    r"^'[^']+' (?P<name>[^_ ]+)_(?P<version>[^_ ]+)_(?P<architecture>[^_. ]+)\.deb"
    r" (?P<size>\d{1,15}) SHA256:(?P<sha256>[0-9a-f]{64})$"
)
_SETS: dict[str, PackageSet] = {kind.value: kind for kind in PackageSet}
_SET_LINE = re.compile(r"^lab-set: (?P<name>\w+)$")

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9+.-]+\Z")]
Version = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9.+~:-]+\Z")]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class Package(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """
    One binary package.

    Attributes:
        size: Of its file, in bytes.
        sha256: Of its file.
        sets: Which images have it.
    """

    name: Name
    version: Version
    architecture: Annotated[str, msgspec.Meta(pattern=rf"^(all|{ARCHITECTURE})\Z")]
    size: Annotated[int, msgspec.Meta(gt=0)]
    sha256: Sha256
    sets: tuple[PackageSet, ...]


class Lock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    All that the images are made of.

    Attributes:
        epoch: The day of locking, in seconds since 1970: no file of an image is younger.
        packages: Sorted by name.
    """

    suite: str
    epoch: Annotated[int, msgspec.Meta(gt=0)]
    packages: tuple[Package, ...]

    def of(self, *kinds: PackageSet) -> tuple[Package, ...]:
        """Return the packages that are in any of the sets."""
        return tuple(
            package for package in self.packages if not set(kinds).isdisjoint(package.sets)
        )


def load(path: Path = LOCK_FILE) -> Lock:
    """
    Read a lock.

    Raises:
        ImageError: if it is missing, damaged, or not for what the images ask for today.
    """
    remedy = "run `lab image lock`, which writes it anew"
    try:
        lock = toml_as(path.read_bytes(), Lock)
    except FileNotFoundError:
        raise ImageError(f"there is no lock {path}", remedy=remedy) from None
    except (OSError, DecodeError) as error:
        raise ImageError(f"{path} is damaged: {error}", remedy=remedy) from error
    for kind, wanted in WANTED.items():
        locked = {package.name for package in lock.of(kind)}
        if missing := sorted(set(wanted) - locked):
            problem = f"{path} lacks {', '.join(missing)} for the {kind} image"
            raise ImageError(problem, remedy=remedy)
    return lock


def relock(path: Path = LOCK_FILE) -> Lock:
    """Lock what the mirror has today; a lock with the same packages is left as it is."""
    found = parse_answer(mmdebstrap.ask(_questions()))
    try:
        old = load(path)
    except ImageError:
        old = None
    if old and old.packages == found:
        return old
    midnight = int(time.time()) // DAY_S * DAY_S
    lock = Lock(suite=SUITE, epoch=midnight, packages=found)
    files.write_atomic(path, render(lock))
    return lock


def render(lock: Lock) -> str:
    """Write a lock as TOML: a line for each package, so that a change of one is a line."""
    lines = [HEADER, f'suite = "{lock.suite}"', f"epoch = {lock.epoch}", "packages = ["]
    lines += [f"  {_inline_table(package)}," for package in lock.packages]
    return "\n".join([*lines, "]\n"])


def parse_answer(output: str) -> tuple[Package, ...]:
    """
    Read what apt answered to the questions of :func:`relock`.

    Raises:
        ImageError: if it named no package for a set.
    """
    found: dict[tuple[str, ...], dict[str, object]] = {}
    sets: dict[tuple[str, ...], set[PackageSet]] = {}
    kind: PackageSet | None = None
    for line in output.splitlines():
        if header := _SET_LINE.match(line):
            kind = _SETS.get(header["name"])
        elif kind and (match := _URI_LINE.match(line)):
            known = {"version": unquote(match["version"]), "size": int(match["size"])}
            found[match.groups()] = {**match.groupdict(), **known}
            sets.setdefault(match.groups(), set()).add(kind)
    if lacking := sorted(set(WANTED).difference(*sets.values())):
        problem = f"apt named no packages for {', '.join(lacking)}"
        raise ImageError(problem, remedy=AGAIN)
    packages = [{**fields, "sets": sorted(sets[key])} for key, fields in found.items()]
    try:
        # Only what is converted is checked, and these names reach a shell.
        return tuple(sorted(msgspec.convert(packages, list[Package])))
    except msgspec.ValidationError as error:
        raise ImageError(f"apt named a package that is none: {error}", remedy=AGAIN) from error


def _questions() -> str:
    lines = []
    for kind, wanted in WANTED.items():
        essential = "'?essential' " if kind in WITH_ESSENTIAL else ""
        suite = f"--target-release {BACKPORTS} " if kind in FROM_BACKPORTS else ""
        lines.append(f"echo 'lab-set: {kind}'")
        lines.append(
            "apt-get install --yes --print-uris --no-install-recommends"
            f" -o Acquire::ForceHash=SHA256 {suite}{essential}{' '.join(wanted)}"
        )
    return "\n".join(lines)


def _inline_table(package: Package) -> str:
    sets = ", ".join(f'"{kind}"' for kind in package.sets)
    return (
        f'{{ name = "{package.name}", version = "{package.version}",'
        f' architecture = "{package.architecture}", size = {package.size},'
        f' sha256 = "{package.sha256}", sets = [{sets}] }}'
    )
