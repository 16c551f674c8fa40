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
        ("492886 32124\n525350 32124\n0\n", Exits(32464, 0)),
        ("58596 2254\n58899 2504\n0\n", Exits(303, 250)),
        ("58596 2254\n58899 2504\n1\n", Exits(303, 250, 1)),
        ("", None),
        ("492886 32124\n", None),
        ("492886 32124\n525350 32124\n", None),
        ("cat: exits: No such file or directory\n \n", None),
    ],
)
def test_two_readings_are_compared(text: str, expected: Exits | None) -> None:
    assert vmexits.parse(text) == expected


@pytest.mark.parametrize(
    ("exits", "is_its_fault"),
    [
        (Exits(32464, 0), True),
        (Exits(32464, 1), False),
        (Exits(20, 0), False),
        (Exits(0, 0), False),
        (Exits(303, 250, 1), True),
    ],
)
def test_only_a_triple_fault_or_many_exits_without_an_interrupt_are_the_emulators(
    exits: Exits,
    is_its_fault: bool,  # noqa: FBT001
) -> None:
    assert exits.blame_emulator is is_its_fault


@pytest.mark.parametrize("script", [vmexits.SCRIPT, vmexits.WATCH, vmexits.FORGET])
def test_a_script_is_a_script(script: str) -> None:
    done = subprocess.run(["/bin/sh", "-n"], input=script, text=True, check=False)

    assert done.returncode == 0
