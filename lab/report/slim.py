"""A page without what HTML lets one leave out: half of a large table is tags."""

from __future__ import annotations

import re

_VERBATIM = re.compile(r"(<(script|style)>.*?</\2>)", re.DOTALL)
_IMPLIED = re.compile(r"</(?:td|th|tr|li|dt|dd|option)>")
"""
They end by themselves where the next of their kind begins, or what they are in ends.

So says the HTML standard, 13.1.2.4. No template has anything else after one of them.
"""
_START = re.compile(r"<[a-z][^<>]*[^<>/]>")
"""Not what closes itself: there a slash after a value without quotes would be part of it."""
_QUOTES = re.compile(r'="([\w.:#+%;-]+)"', re.ASCII)
"""Around values that need none. A quote or a bracket in a value is escaped when it is printed."""


def slim(page: str) -> str:
    """Take implied end tags and needless quotes out of *page*; it means the same."""
    pieces = _VERBATIM.split(page)
    return "".join(
        piece if number % 3 else _slim(piece)  # 1 is a script or a style, 2 says which
        for number, piece in enumerate(pieces)
        if number % 3 != 2  # noqa: PLR2004
    )


def _slim(piece: str) -> str:
    return _START.sub(lambda tag: _QUOTES.sub(r"=\1", tag[0]), _IMPLIED.sub("", piece))
