"""
Names from answers and files, checked before they become part of a shell line or a path.

What has none of a shell's own characters needs no quotes, what does not begin with a dash is no
option, and what has no slash stays in its folder.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
PATH = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9._+-]*)+")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


def word(text: str) -> str:
    """
    Let *text* through if it can be an identifier: of a namespace, a pod, a container.

    Raises:
        ValueError: if it cannot.
    """
    return _checked(text, _WORD, "an identifier")


def path(text: str) -> str:
    """
    Let *text* through if it can be an absolute path that leads nowhere but down.

    Raises:
        ValueError: if it cannot.
    """
    return _checked(text, PATH, "a plain path from the root")


def mac(text: str) -> str:
    """
    Let *text* through if it can be a MAC address, in lower case.

    Raises:
        ValueError: if it cannot.
    """
    return _checked(text, _MAC, "a MAC address")


def _checked(text: str, pattern: re.Pattern[str], what: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError(f"{text[:200]!r} is not {what}")
    return text
