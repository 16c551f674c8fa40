"""Text from guests, tools and files, made safe to show."""

from __future__ import annotations

import re
from urllib.parse import quote

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
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#~&@])")
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def clean(text: str) -> str:
    """Take out terminal escapes and whatever does not show as what it is."""
    return _INVISIBLE.sub("", _ANSI.sub("", text))


def markdown(text: str) -> str:
    """Quote a line of text so that Markdown shows it as it is."""
    return _MARKDOWN.sub(r"\\\1", " ".join(clean(text).split()))


def visible(text: str) -> str:
    """Write control bytes as ``#x1B``: XML can hold them in no other way."""
    return _NOT_IN_XML.sub(lambda match: f"#x{ord(match[0]):02X}", text)


def link(path: str | None) -> str:
    """
    Quote a path relative to the run's directory for ``href``.

    Empty for anything that would lead elsewhere: a recorded path is data, not a promise.
    """
    if not path or path.startswith("/") or ".." in path.split("/"):
        return ""
    return quote(clean(path), safe="/+")


def scenario_title(scenario: str) -> str:
    """
    Name a scenario for people.

    >>> scenario_title("scenarios/network/test_parity.py::test_mac_is_the_cnis")
    'mac is the cnis'
    """
    return scenario.rpartition("::")[2].removeprefix("test_").replace("_", " ")


def scenario_group(scenario: str) -> str:
    """
    Name the folder that a scenario lies in.

    >>> scenario_group("scenarios/network/test_parity.py::test_mac_is_the_cnis")
    'network'
    """
    folders = scenario.partition("::")[0].split("/")[:-1]
    return folders[-1] if folders else "scenarios"
