"""
What the console command can be told to do: a family of verbs a module.

Each module has a function ``add(verbs)``, which offers its verbs, and a function a verb, which
takes the command line as it was read and returns the exit status. Here, and nowhere else, the lab
prints. Whatever takes time to import is imported by the verb that needs it: one that only tells
something answers at once (``tests/verbs/test_start.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.verbs import (
    again,
    artefacts,
    bench,
    completion,
    doctor,
    explain,
    history,
    inside,
    look,
    measure,
    setup,
    topology,
)
from lab.verbs.parser import Verbs, new_parser

if TYPE_CHECKING:
    import argparse

FAMILIES = (
    measure,
    again,
    look,
    explain,
    history,
    bench,
    inside,
    doctor,
    setup,
    topology,
    artefacts,
    completion,
)
"""In the order in which help shows them; a new module stands here, too."""


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    whole = new_parser()
    verbs = Verbs(whole)
    for family in FAMILIES:
        family.add(verbs)
    return whole
