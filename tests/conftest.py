"""What every test has: a state folder far from the user's own, and no ledger left open."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from lab import ledger
from tests.ground import alone, ground  # noqa: F401 - fixtures for all that bring a lab up

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = "pytester"

OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""Python looks through all that the tests hold every 700 otherwise, a fifth of the time."""


def pytest_configure() -> None:
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, 20, 100)


def pytest_collection_finish() -> None:
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _far_from_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    place = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in ("LAB_HOME", "LAB_LEASES"):
            monkeypatch.setenv(name, str(place / name.lower()))
        yield


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_forced_to_disk() -> Iterator[None]:
    """What a test writes need not survive a crash, and there are ten thousands of files."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("os.fsync", lambda _: None)
        yield


@pytest.fixture(autouse=True)
def _no_ledger_left_open() -> Iterator[None]:
    yield
    ledger.forget_own()
