"""Whatever a reader is fed: it reads it, or says what is wrong and what mends it."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.errors import LabError
from tests.fuzz.targets import TARGETS, Target

FEW = 20
MANY = int(os.environ.get("LAB_FUZZ_EXAMPLES", "2000"))
"""Of each target, in the deep test (nox -s fuzz)."""
COMMON: dict[str, Any] = {
    "database": None,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "print_blob": False,
}
each_target = pytest.mark.parametrize("target", TARGETS, ids=[each.name for each in TARGETS])


@each_target
@settings(max_examples=FEW, derandomize=True, **COMMON)
@given(data=st.data())
def test_only_lab_errors_come_out(target: Target, data: st.DataObject) -> None:
    fed(target, data)


@pytest.mark.slow
@each_target
@settings(max_examples=MANY, **COMMON)
@given(data=st.data())
def test_only_lab_errors_come_out_of_many(target: Target, data: st.DataObject) -> None:
    fed(target, data)


def fed(target: Target, data: st.DataObject) -> None:
    given = data.draw(target.inputs)
    refusal: LabError | None = None
    try:
        target.feed(given)
    except LabError as error:
        refusal = error
    assert refusal is None or (refusal.problem.strip() and refusal.remedy.strip())
