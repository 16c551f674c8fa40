"""What every test of the bench has."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from lab.bench import Bench
from lab.cluster.handler import Handler
from lab.cluster.kata import release_of
from lab.matrix import KATA, Runtime, cells_of
from lab.runtime import kinds
from lab.stopwatch import Stopwatch
from lab.store import Store
from tests.bench.rig import FakeWatch, Rig
from tests.fake_run import FakeRun
from tests.runtime.fake_node import FakeNode, setting

if TYPE_CHECKING:
    from pathlib import Path

    from lab.watch import Watch


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    node = FakeNode(tmp_path)
    store = Store.create(tmp_path / "results", FakeRun().header())
    handlers = {
        cell: Handler(cell=cell, release=release_of(cell.runtime)) for cell in cells_of(KATA)
    }
    watch = FakeWatch()
    bench = Bench(setting(node, handlers), store, Stopwatch(), cast("Watch", watch))
    rig = Rig(bench, node, store, watch)
    monkeypatch.setattr(kinds, "KINDS", dict.fromkeys(Runtime, rig.make))
    return rig
