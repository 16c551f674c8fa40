"""Pictures of a terminal: they show what was on it, and load nothing."""

from __future__ import annotations

from tests.tutorial.terminal import svg


def test_a_picture_has_the_words_and_loads_nothing() -> None:
    found = svg("\x1b[32mPASS\x1b[0m a cell\n\n", title="./run matrix")

    assert "PASS" in found
    assert "./run&#160;matrix" in found or "./run matrix" in found
    assert "@font-face" not in found
    assert "http" not in found.replace("http://www.w3.org/2000/svg", "")
