"""On what is measured, as far as it is asked of the node."""

from __future__ import annotations

import pytest

from lab.environment import CPU, version


@pytest.mark.parametrize(
    ("name", "said", "kept"),
    [
        ("fio", "fio-3.39\n", "fio-3.39"),
        ("fio", "Killed\n", ""),
        ("sockperf", "sh: sockperf: not found\n", ""),
        (CPU, "AMD EPYC Processor\n", "AMD EPYC Processor"),
    ],
)
def test_a_program_that_did_not_tell_its_version_has_none(name: str, said: str, kept: str) -> None:
    assert version(name, said) == kept
