"""Programs among the artefacts that are asked something on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.command import run
from lab.errors import ArtefactError

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_S = 60.0


def ask(program: Path, *arguments: str) -> str:
    """
    Run *program* and return what it prints.

    Raises:
        ArtefactError: if this machine cannot run it.
        CommandError: if it failed.
    """
    try:
        return run((program.absolute(), *arguments), timeout_s=TIMEOUT_S).stdout
    except OSError as error:
        problem = f"{program} cannot be run here: {error.strerror}"
        remedy = "use linux on amd64, and a directory that is not mounted noexec (LAB_HOME)"
        raise ArtefactError(problem, remedy=remedy) from error
