from __future__ import annotations

import pytest

from lab.text import clean, visible


@pytest.mark.parametrize(
    ("dirty", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;file:///etc\x1b\\here\x1b]8;;\x1b\\", "here"),
        ("\x1b(Btext\x1b=", "text"),
        ("\x1bPq#0\x1b\\after", "after"),
        ("\x1b[2J\x1b[H\x1b[?25lboot\r\n", "boot\n"),
        ("a\tb\nc", "a\tb\nc"),
        ("\x00\x07\x7f\x9b\ufeffx", "x"),
        ("evil\u202egpj.exe", "evilgpj.exe"),
        ("ends in escape\x1b", "ends in escape"),
        ("µs ✓ ×", "µs ✓ ×"),  # noqa: RUF001
    ],
)
def test_only_what_shows_is_left(dirty: str, shown: str) -> None:
    assert clean(dirty) == shown


def test_control_bytes_are_written_out_for_xml() -> None:
    assert visible("\x1b[0m\ud800\tok\n") == "#x1B[0m#xD800\tok\n"
