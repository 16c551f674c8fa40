"""The simulations at full length: some minutes, by name only (`nox -s statistics`)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.simulations.document import PATH, SECTIONS, computed, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulations.section import Section

pytestmark = pytest.mark.simulation
WRITE = "LAB_WRITE_STATISTICS"
"""Set: the document is written anew instead of being compared."""


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_the_goal_is_met(section: Callable[[], Section]) -> None:
    assert computed(section).missed == ()


def test_the_document_says_what_was_simulated() -> None:
    made = text()
    if WRITE in os.environ:
        PATH.write_text(made, encoding="utf-8")

    assert PATH.read_text(encoding="utf-8") == made
