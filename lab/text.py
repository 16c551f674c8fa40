"""Text from guests, nodes, tools and files, made safe to show: on a terminal, a page, in XML."""

from __future__ import annotations

import re
import textwrap

_ANSI = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # window titles, links
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"  # device control strings
    r"|\x1b[ -/]*[0-~]?"
)
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and line feed
    "\u202a-\u202e\u2066-\u2069"  # direction overrides: what one reads is not what is there
    "\ud800-\udfff\ufeff\ufffe\uffff]"  # not characters
)
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def clean(text: str) -> str:
    """Take out terminal escapes and whatever does not show as what it is."""
    return _INVISIBLE.sub("", _ANSI.sub("", text))


_COMMAND = re.compile(r"`[^`]*`")
_KEPT = "\u00a0"


def wrapped(text: str, *, width: int, indent: str = "", further: str = "") -> list[str]:
    """
    Break *text* into lines of *width*; a word stays whole, and so does a command in `backticks`.

    Args:
        indent: Begins the first line.
        further: Begins the others.
    """
    lines = textwrap.wrap(
        _COMMAND.sub(lambda match: match[0].replace(" ", _KEPT), text),
        width,
        initial_indent=indent,
        subsequent_indent=further,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return [line.replace(_KEPT, " ") for line in lines]


def visible(text: str) -> str:
    """Write control bytes as ``#x1B``: XML can hold them in no other way."""
    return _NOT_IN_XML.sub(lambda match: f"#x{ord(match[0]):02X}", text)
