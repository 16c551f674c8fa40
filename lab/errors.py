"""
What can go wrong in ways that a user can mend.

The tree::

    LabError                a problem, and the remedy
     +- UsageError          the command line names something that does not exist   (exit 2)
     |   +- TopologyError   a topology file is wrong
     +- HostError           this machine lacks something that the lab needs
     +- ExpectationError    what is known to work where is not said once, or not rightly
     +- ExtensionError      what a distribution adds to the lab is not what it must be
     +- ImageError          an image cannot be built from its lock
     +- ArtefactError       an artefact cannot be had, or is not what the lock says
     +- CommandError        a program failed; holds what it said
     +- NotReadyError       a deadline passed
     +- ProvisionError      a node cannot be brought up or reached
     +- ClusterError        a cluster cannot be configured or brought up
     +- SandboxError        a sandbox of a cell cannot be started or reached
     +- ToolOutputError     a measuring tool's report cannot be believed
     +- StoreError          results cannot be written or read

Any other exception that escapes is a bug in the lab.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.command import Completed

STDERR_TAIL_LINES = 20
LONGEST_PROBLEM = 4000
"""Characters: whoever reads an error is to see its remedy, too."""


class LabError(Exception):
    """An expected failure: what happened, and what mends it."""

    def __init__(self, problem: str, *, remedy: str) -> None:
        self.problem = _readable(problem)
        super().__init__(self.problem)
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem}\n  remedy: {self.remedy}"


def told(error: LabError) -> str:
    """All that *error* has to tell: the problem, the remedy, and its notes."""
    return "\n".join((str(error), *getattr(error, "__notes__", ())))


def _readable(problem: str) -> str:
    """*problem* without the middle of what is too long to read."""
    if len(problem) <= LONGEST_PROBLEM:
        return problem
    half = LONGEST_PROBLEM // 2
    return f"{problem[:half]} [...] {problem[-half:]}"


class UsageError(LabError):
    """The command line names something that does not exist."""


class TopologyError(UsageError):
    """A topology file is wrong."""


class HostError(LabError):
    """This machine lacks something that the lab needs."""


class ExpectationError(LabError):
    """What is known to work where is not said once, or not rightly."""


class ExtensionError(LabError):
    """What a distribution adds to the lab is not what it must be."""


class ImageError(LabError):
    """An image cannot be built from its lock."""


class ArtefactError(LabError):
    """An artefact cannot be had, or is not what the lock says."""


class CommandError(LabError):
    """A program failed; :attr:`completed` holds what it said."""

    def __init__(self, problem: str, *, completed: Completed) -> None:
        super().__init__(problem, remedy=f"run it by hand: {completed.command_line}")
        self.completed = completed
        tail = completed.stderr.strip().splitlines()[-STDERR_TAIL_LINES:]
        if tail:
            self.add_note("its last words:\n" + "\n".join(f"  {line}" for line in tail))


class NotReadyError(LabError):
    """A deadline passed."""


class ProvisionError(LabError):
    """A node cannot be brought up or reached."""


class ClusterError(LabError):
    """A cluster cannot be configured or brought up."""


class SandboxError(LabError):
    """A sandbox of a cell cannot be started or reached."""


class ToolOutputError(LabError):
    """A measuring tool's report cannot be believed."""


class StoreError(LabError):
    """Results cannot be written or read."""
