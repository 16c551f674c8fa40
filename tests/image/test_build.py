"""What is there is taken; what changed is built again; nothing half-made is left."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from lab.errors import ImageError
from lab.image import build as module
from lab.image.assemble import Made, parts_of
from lab.image.build import build
from lab.image.lock import Lock
from lab.owner import me
from tests.fakes import DEAD, left_by

if TYPE_CHECKING:
    from pathlib import Path

    from lab.image.assemble import Say

LOCK = Lock("trixie", 86_400, ())


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each build that took place; it puts empty images where real ones would be."""
    builds: list[str] = []

    def fake(_lock: Lock, scratch: Path, _say: Say) -> Made:
        builds.append(scratch.name)
        (scratch / "half").touch()
        images = {
            "node": ("disk.img", "vmlinuz", "initramfs"),
            "guest": ("vmlinux", "initramfs"),
            "workload": ("workload.tar",),
        }
        for kind, parts in images.items():
            for name in parts:
                (parts_of(scratch, kind) / name).write_bytes(kind.encode())
        return Made(kernel_release="6.12", reference="w:1", layer="sha256:1")

    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    monkeypatch.setattr(module, "assemble", fake)
    return builds


def quiet(_: str) -> None:
    """Say nothing."""


def test_second_call_takes_what_the_first_built(built: list[str]) -> None:
    assert build(LOCK, say=quiet) == build(LOCK, say=quiet)
    assert len(built) == 1


def test_images_are_named_by_digest(built: list[str]) -> None:
    images = build(LOCK, say=quiet)

    assert images.node.disk.parent.name == f"node-{images.node.digest[:12]}"
    assert images.guest.initramfs.read_bytes() == b"guest"
    assert built


def test_another_lock_is_another_build(built: list[str]) -> None:
    build(LOCK, say=quiet)
    build(Lock("trixie", 2 * 86_400, ()), say=quiet)

    assert len(built) == 2


def test_lost_image_is_built_again(built: list[str]) -> None:
    build(LOCK, say=quiet).workload.archive.unlink()

    assert build(LOCK, say=quiet).workload.archive.exists()
    assert len(built) == 2


def test_nothing_half_made_is_left(built: list[str], tmp_path: Path) -> None:
    left = left_by(DEAD, tmp_path / "images", f".{module.BUILDING}")

    build(LOCK, say=quiet)

    assert built
    assert not left.exists()
    assert not list((tmp_path / "images").glob(f".{module.BUILDING}*"))


def test_what_another_run_builds_beside_it_is_left_alone(built: list[str], tmp_path: Path) -> None:
    """The emulator is built under a lock of its own."""
    others = left_by(me(), tmp_path / "images", ".building-emulator")

    build(LOCK, say=quiet)

    assert built
    assert others.exists()


def test_what_is_built_is_known_to_be(built: list[str]) -> None:
    assert not module.is_built(LOCK)

    build(LOCK, say=quiet)

    assert built
    assert module.is_built(LOCK)


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "/x cannot be written to"),
    ],
)
def test_troubles_with_a_directory_name_it(
    built: list[str], monkeypatch: pytest.MonkeyPatch, error: OSError, problem: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(module, "assemble", fail)

    with pytest.raises(ImageError, match=problem) as caught:
        build(LOCK, say=quiet)

    assert "LAB_HOME" in caught.value.remedy
    assert not built
