"""Links, and names for people, made of what a run has recorded."""

from __future__ import annotations

import re
from urllib.parse import quote

from lab.text import clean as clean  # noqa: PLC0414 - and again for the rooms of the report
from lab.text import visible as visible  # noqa: PLC0414

_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#~&@])")


def markdown(text: str) -> str:
    """Quote a line of text so that Markdown shows it as it is."""
    return _MARKDOWN.sub(r"\\\1", " ".join(clean(text).split()))


def link(path: str | None) -> str:
    """
    Quote a path relative to the run's directory for ``href``.

    Empty for anything that would lead elsewhere: a recorded path is data, not a promise.
    """
    shown = clean(path or "")  # first: what is taken out could have parted two dots
    if not shown or shown.startswith("/") or ".." in shown.split("/"):
        return ""
    return quote(shown, safe="/+")


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
