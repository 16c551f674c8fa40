"""A home, a server and a registry for each test."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.cluster.artefacts.upstream import AGNHOST, NODE, PAUSE, Registry, Upstream, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory of this test's own."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    """A server that has nothing yet."""
    monkeypatch.setenv("no_proxy", "*")
    one = Upstream()
    with serving(one):
        yield one


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A registry that has nothing yet; its skopeo is the first on the PATH."""
    one = Registry(tmp_path / "registry")
    monkeypatch.setenv("PATH", f"{one.install()}{os.pathsep}{os.environ['PATH']}")
    return one


@pytest.fixture
def internet(upstream: Upstream, registry: Registry) -> Upstream:
    """Everything that the lab wants."""
    upstream.fill()
    registry.put(PAUSE)
    registry.put(AGNHOST)
    registry.put(NODE)
    return upstream


@pytest.fixture
def lock_file(tmp_path: Path) -> Path:
    """Where the lock of this test is or will be."""
    return tmp_path / "artefacts.lock.toml"


@pytest.fixture
def said() -> list[str]:
    """What was said, if ``said.append`` is the way to say it."""
    return []
