"""What is known of failures; that docs/reference/hints.md is made of it, tests/reference holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import hints
from lab.decode import DecodeError
from lab.host import _problem, kvm_device_problem
from lab.image.emulator import SOUND_SINCE
from lab.runtime.vmexits import Exits
from lab.storage import ninep

if TYPE_CHECKING:
    from pathlib import Path

    from lab.hints import Hint

EVERY = hints.load()
ONE = """
[[hint]]
id = "one"
pattern = "a+b"
cause = "c"
mend = "m"
source = "s"
said = ["aab"]
"""


@pytest.mark.parametrize("hint", EVERY, ids=lambda hint: hint.id)
def test_what_was_said_is_known_as_just_this(hint: Hint) -> None:
    for said in hint.said:
        assert hints.of(said) == (hint,)


def test_names_are_used_once() -> None:
    names = [hint.id for hint in EVERY]

    assert len(set(names)) == len(names)
    assert hints.named("nested-off").id == "nested-off"


def test_hints_are_found_in_any_of_what_was_said_each_once() -> None:
    found = hints.of("nothing", "Kernel panic - not syncing: x\nKernel panic - not syncing: y")

    assert [hint.id for hint in found] == ["kernel-panic"]
    assert hints.of("all is well", "") == ()


def test_the_labs_own_words_are_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("lab.host.KVM", tmp_path / "none")
    said = {
        "kvm-absent": kvm_device_problem(),
        "nested-off": _problem("lab: the kernel is up and cannot nest", has_ended=True),
        "kvm-msr": _problem("qemu: error: failed to set MSR 0x10a to 0x69\n", has_ended=True),
        "emulator-lost-guest": f"the emulator lost the guest: {Exits(4000, 0)}",
    }

    for name, text in said.items():
        assert [hint.id for hint in hints.of(text)] == [name]


def test_figures_that_are_told_are_those_of_the_code() -> None:
    assert (
        f"QEMU before {SOUND_SINCE[0]}.{SOUND_SINCE[1]}" in hints.named("emulator-lost-guest").cause
    )
    assert f"messages of {ninep.MSIZE_BYTES >> 10} KiB" in hints.named("msize").cause


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('pattern = "a+b"', 'pattern = "a(b"', "no regular expression"),
        ('said = ["aab"]', 'said = ["aab", "xyz"]', "not found in 'xyz'"),
        ('said = ["aab"]', "said = []", "length >= 1"),
        ('source = "s"', 'source = ""', "length >= 1"),
        ('id = "one"', 'id = "One"', "matching regex"),
        ('mend = "m"', 'mend = "m"\nwhy = "w"', "unknown field"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, old: str, new: str, problem: str) -> None:
    path = tmp_path / "hints.toml"
    path.write_text(ONE.replace(old, new))

    with pytest.raises(DecodeError, match=problem):
        hints.load(path)


def test_the_page_has_every_source() -> None:
    page = hints.page()

    for hint in EVERY:
        assert f"## {hint.id}\n\n{hint.cause}\n" in page
        assert f"Source: {hint.source}." in page
