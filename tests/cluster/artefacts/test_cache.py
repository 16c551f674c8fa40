"""The cache: what is in it is what it is called, and nothing half-made stays."""

from __future__ import annotations

import errno
import hashlib
import os
from typing import TYPE_CHECKING

import msgspec
import pytest

from lab.cluster.artefacts import cache
from lab.cluster.artefacts.artefact import UNPINNED
from lab.errors import ArtefactError
from tests.cluster.artefacts.test_artefact import artefact
from tests.cluster.artefacts.upstream import tar_gz
from tests.fakes import DEAD, left_by

if TYPE_CHECKING:
    from pathlib import Path

    from lab.cluster.artefacts.artefact import Artefact

DATA = b"kubeadm"


def locked(data: bytes = DATA, **changes: object) -> Artefact:
    return artefact(**({"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)} | changes))


def put(one: Artefact, data: bytes) -> Path:
    """Let something grow in the place of an artefact."""
    part = cache.part_of(one)
    part.write_bytes(data)
    return part


def test_what_is_admitted_is_there(home: Path) -> None:
    one = locked()
    assert not cache.has(one)

    with cache.opened():
        cache.admit(put(one, DATA), one)

    assert cache.has(one)
    path = cache.path_of(one)
    assert path == home / "artefacts" / hashlib.sha256(DATA).hexdigest()
    assert path.read_bytes() == DATA
    assert os.access(path, os.X_OK)
    assert sorted(home.joinpath("artefacts").iterdir()) == [path.parent / ".lock", path]


def test_a_wrong_sum_is_refused_and_deleted_with_both_sums() -> None:
    one = locked()
    wrong = b"kubeadn"

    with cache.opened():
        part = put(one, wrong)
        with pytest.raises(ArtefactError, match="kubeadm v1 has the wrong sum") as caught:
            cache.admit(part, one)

    assert hashlib.sha256(DATA).hexdigest() in caught.value.problem
    assert hashlib.sha256(wrong).hexdigest() in caught.value.problem
    assert one.source in caught.value.problem
    assert one.address in caught.value.problem
    assert "lab artefacts fetch" in caught.value.remedy
    assert not part.exists()
    assert not cache.has(one)


def test_another_size_is_not_there() -> None:
    one = locked()
    with cache.opened():
        cache.admit(put(one, DATA), one)
    cache.path_of(one).write_bytes(b"")

    assert not cache.has(one)


def test_what_is_not_pinned_is_never_there() -> None:
    loose = msgspec.structs.replace(locked(), sha256=None, size=None, source=UNPINNED)

    assert not cache.has(loose)
    with pytest.raises(ValueError, match="not pinned"):
        cache.path_of(loose)


def test_a_part_keeps_its_place() -> None:
    assert cache.part_of(locked()) == cache.part_of(locked())
    assert cache.part_of(locked()) != cache.part_of(locked(address="https://elsewhere/"))


def test_scratch_is_gone_even_after_a_crash(home: Path) -> None:
    left_over = left_by(DEAD, home / "artefacts", ".staging")

    with cache.opened(), cache.staging() as directory:
        assert directory.parent == left_over.parent
        assert not left_over.exists()

    assert not directory.exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_explained_and_given_its_room_back(number: int) -> None:
    with cache.opened():
        part = put(locked(), DATA)

    with pytest.raises(ArtefactError, match="the disk is full") as caught, cache.opened():
        raise OSError(number, os.strerror(number))

    assert "LAB_HOME" in caught.value.remedy
    assert str(cache.home()) in caught.value.remedy
    assert not part.exists()


def test_an_interruption_leaves_the_part() -> None:
    with cache.opened():
        part = put(locked(), DATA)

    with pytest.raises(KeyboardInterrupt), cache.opened():
        raise KeyboardInterrupt

    assert part.exists()


def test_a_directory_of_anothers_is_named() -> None:
    with pytest.raises(ArtefactError, match="/x cannot be written to"), cache.opened():
        raise PermissionError(errno.EACCES, "Permission denied", "/x")


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(OSError, match="I/O error"), cache.opened():
        raise OSError(errno.EIO, "I/O error")


@pytest.mark.parametrize("name", ["crictl", "./crictl"])
def test_a_program_is_unpacked_once(name: str) -> None:
    packed = tar_gz(name, b"#!/bin/sh\n")
    one = locked(packed, member="crictl")
    with cache.opened():
        cache.admit(put(one, packed), one)

    program = cache.program(one)

    assert program.read_bytes() == b"#!/bin/sh\n"
    assert os.access(program, os.X_OK)
    written = program.stat()
    assert cache.program(one).stat() == written
    cache.forget_unpacked()
    assert not program.exists()


def test_what_is_not_packed_is_the_program() -> None:
    assert cache.program(locked()) == cache.path_of(locked())


@pytest.mark.parametrize(
    ("packed", "said"),
    [
        (tar_gz("critest", b""), "holds no program crictl"),
        (tar_gz("../crictl", b""), "holds no program crictl"),
        (tar_gz("crictl", b"x" * 9000)[:60], "cannot be unpacked"),
        (b"<html>", "cannot be unpacked"),
    ],
)
def test_what_holds_no_program_is_refused(packed: bytes, said: str) -> None:
    one = locked(packed, member="crictl")
    with cache.opened():
        cache.admit(put(one, packed), one)

    with pytest.raises(ArtefactError, match=said):
        cache.program(one)


def test_a_program_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "PROGRAM_LIMIT_BYTES", 100)
    packed = tar_gz("crictl", b"\0" * 101)
    one = locked(packed, member="crictl")
    with cache.opened():
        cache.admit(put(one, packed), one)

    with pytest.raises(ArtefactError, match="holds a program crictl of 101 bytes"):
        cache.program(one)
