"""Whose fault a guest is that no longer answers."""

from __future__ import annotations

import subprocess

import pytest

from lab.runtime import vmexits
from lab.runtime.vmexits import Exits


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # A guest that the emulator of QEMU 11.1 had lost, and one that was spinning by itself.
        ("492886 32124\n525350 32124\n", Exits(32464, 0)),
        ("58596 2254\n58899 2504\n", Exits(303, 250)),
        ("", None),
        ("492886 32124\n", None),
        ("cat: exits: No such file or directory\n \n", None),
    ],
)
def test_two_readings_are_compared(text: str, expected: Exits | None) -> None:
    assert vmexits.parse(text) == expected


@pytest.mark.parametrize(
    ("exits", "in_vain"),
    [
        (Exits(32464, 0), True),
        (Exits(32464, 1), False),
        (Exits(20, 0), False),
        (Exits(0, 0), False),
    ],
)
def test_only_many_exits_without_a_single_interrupt_are_in_vain(
    exits: Exits,
    in_vain: bool,  # noqa: FBT001
) -> None:
    assert exits.are_in_vain is in_vain


def test_the_script_is_a_script() -> None:
    done = subprocess.run(["/bin/sh", "-n"], input=vmexits.SCRIPT, text=True, check=False)

    assert done.returncode == 0
