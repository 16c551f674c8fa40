"""The whole way, as a user goes it: lock, fetch, verify, bundle, import."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from lab.cli import main
from lab.cluster.artefacts import cache, lock, wanted
from tests.cluster.artefacts.test_local import fill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster.artefacts.upstream import Registry, Upstream

COUNT = 13


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Signals are put back afterwards."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(autouse=True)
def own_lock(lock_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lab's own lock is this test's."""
    monkeypatch.setattr(lock, "LOCK_FILE", lock_file)


@pytest.fixture
def world(internet: Upstream, monkeypatch: pytest.MonkeyPatch) -> Upstream:
    """What the lab wants is on this machine's internet."""
    monkeypatch.setattr(wanted, "load", internet.wanted)
    return internet


def lab(line: str) -> int:
    return main(["artefacts", *line.split()])


@pytest.mark.usefixtures("world")
def test_the_whole_way(
    tmp_path: Path,
    lock_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert lab("lock") == 0
    assert f"locked {COUNT} artefacts in {lock_file}" in capsys.readouterr().out

    assert lab("verify") == 1
    assert "lab artefacts fetch" in capsys.readouterr().err

    assert lab("fetch") == 0
    assert f"{COUNT} artefacts are in the cache" in capsys.readouterr().out

    assert lab("verify") == 0
    digest = lock.load(lock_file).digest
    said = capsys.readouterr().out
    assert said == f"{COUNT} artefacts are what the lock says: {digest}\n"

    assert lab(f"bundle {tmp_path}/one.tar") == 0
    assert lab(f"bundle {tmp_path}/two.tar") == 0
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    assert capsys.readouterr().out == f"{tmp_path}/one.tar\n{tmp_path}/two.tar\n"

    monkeypatch.setenv("LAB_HOME", str(tmp_path / "offline"))
    assert lab(f"import {tmp_path}/one.tar") == 0
    assert capsys.readouterr().out == f"{COUNT} artefacts are in the cache\n"
    assert lab("verify") == 0


def test_a_corrupted_file_is_one_message(
    world: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab("lock") == 0
    path = world.path_of("kubectl")
    world.files[path] = world.files[path].swapcase()

    assert lab("fetch") == 1

    said = capsys.readouterr().err
    assert said.startswith("lab: kubectl v1.36.4 has the wrong sum\n  locked: ")
    assert "\n  found:  " in said
    assert "\n  remedy: " in said
    assert "Traceback" not in said


def test_a_directory_is_locked_and_verified(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = fill(tmp_path / "built", registry)

    assert lab(f"lock --artefacts {directory} --lock {tmp_path}/local.toml") == 0
    assert lab(f"verify --artefacts {directory} --lock {tmp_path}/local.toml") == 0

    assert "10 artefacts are what the lock says" in capsys.readouterr().out
    assert not cache.home().exists()


def test_a_directory_needs_a_lock_of_its_own(
    tmp_path: Path, lock_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab(f"lock --artefacts {tmp_path}") == 2

    said = " ".join(capsys.readouterr().err.split())
    assert f"add --lock FILE to --artefacts {tmp_path}" in said
    assert not lock_file.exists()


@pytest.mark.parametrize("line", ["", "get", "bundle", "import", "fetch --artefacts /x"])
def test_a_command_line_that_is_none_ends_with_two(line: str) -> None:
    assert lab(line) == 2
