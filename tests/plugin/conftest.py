"""What every test of the plugin has."""

from __future__ import annotations

import pytest

from tests.plugin.runner import Runner


@pytest.fixture
def runner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Runner:
    return Runner(pytester, monkeypatch)
