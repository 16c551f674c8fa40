"""The emulator: which QEMU needs a better one, and how that one is laid out."""

from __future__ import annotations

import subprocess
import tarfile
from contextlib import contextmanager
from io import BytesIO
from stat import S_ISDIR
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from lab.errors import ImageError
from lab.image import debs, emulator, mmdebstrap
from lab.image.entry import file, with_parents
from lab.image.lock import Lock, Package
from lab.image.packages import PackageSet
from lab.image.tools import LOADER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACKAGE = Package("qemu-system-x86", "1:11.1.3", "amd64", 9, "a" * 64, (PackageSet.EMULATOR,))
LOCK = Lock("trixie", 86_400, (PACKAGE,))
LOADER_SCRIPT = b'#!/bin/sh\nprintf "%s\\n" "$@"\n'


@pytest.mark.parametrize(
    ("version", "is_sound"),
    [
        ("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)", False),
        ("QEMU emulator version 8.2.2 (Debian 1:8.2.2+ds-0ubuntu1)", False),
        ("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)", False),
        ("QEMU emulator version 10.2.0", True),
        ("QEMU emulator version 11.1.3 (Debian 1:11.1.3+ds-1~bpo13+1)", True),
        ("something else", False),
    ],
)
def test_a_qemu_is_sound_from_the_repair_on(version: str, is_sound: bool) -> None:  # noqa: FBT001
    assert emulator.is_sound(version) is is_sound


@pytest.fixture
def unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was unpacked, and a repository that needs no mirror."""
    contents = dict.fromkeys((emulator.QEMU, *emulator.FIRMWARE), b"") | {LOADER: LOADER_SCRIPT}
    made: list[str] = []

    @contextmanager
    def making(_: Path, target: Path, **options: object) -> Iterator[SimpleNamespace]:
        made.append(str(options["variant"]))
        with tarfile.open(target, "w:") as archive:
            for entry in with_parents([file(name, data) for name, data in contents.items()]):
                member = tarfile.TarInfo(f"./{entry.name}")
                member.type = tarfile.DIRTYPE if S_ISDIR(entry.mode) else tarfile.REGTYPE
                member.size = len(entry.data)
                archive.addfile(member, BytesIO(entry.data))
        yield SimpleNamespace(finish=lambda **_: None)

    @contextmanager
    def repository(*_: object, **__: object) -> Iterator[Path]:
        yield tmp_path

    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(debs, "missing", lambda _: [])
    monkeypatch.setattr(debs, "repository", repository)
    monkeypatch.setattr(mmdebstrap, "making", making)
    return made


def test_it_runs_with_its_own_loader_and_libraries_and_passes_arguments_on(
    unpacked: list[str],
) -> None:
    program = emulator.build(LOCK, say=print)

    said = subprocess.run([program, "-version"], capture_output=True, text=True, check=True).stdout
    bundle = program.parent / "qemu-bundle"
    assert said.splitlines() == [
        *("--inhibit-cache", "--library-path", str(bundle / "usr/lib/x86_64-linux-gnu")),
        *("--argv0", str(program), str(bundle / "usr/bin/qemu-system-x86_64"), "-version"),
    ]
    assert unpacked == ["extract"]


def test_it_is_unpacked_once(unpacked: list[str]) -> None:
    assert emulator.build(LOCK, say=print) == emulator.build(LOCK, say=print)
    assert len(unpacked) == 1


def test_a_package_without_the_firmware_is_an_error_and_leaves_nothing(
    unpacked: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(emulator, "FIRMWARE", ("usr/share/qemu/gone.bin",))

    with pytest.raises(ImageError, match=r"gone\.bin"):
        emulator.build(LOCK, say=print)

    assert unpacked
    assert [path.name for path in (tmp_path / "home/images").iterdir()] == [".emulator.lock"]
