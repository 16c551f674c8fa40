"""Where the scenarios of extensions lie, and what one of them is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import extensions
from lab.extensions import Group
from lab.places import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def of_extensions() -> Mapping[str, Path]:
    """
    The file or the folder of each extension's scenarios, by its name.

    Raises:
        ExtensionError: if one is called as a folder of the lab's own, or cannot be found.
    """
    built_in = frozenset(path.name for path in SCENARIOS.glob("*/"))
    own = extensions.found(Group.SCENARIOS, built_in)
    return {name: extension.folder().resolve() for name, extension in own.items()}


def name_of(file: Path, test: str) -> str:
    """
    What a scenario of an extension is called on any machine; empty if it is of none.

    It is called as if the extension was a folder beside those of the lab's own.

    Args:
        file: Where it lies.
        test: Its name in the file, with classes, as a node id has it.
    """
    for name, place in of_extensions().items():
        if file == place:
            return f"{name}/{file.name}::{test}"
        if file.is_relative_to(place):
            return f"{name}/{file.relative_to(place).as_posix()}::{test}"
    return ""
