from __future__ import annotations

import pytest

from lab.command import Completed
from lab.errors import CommandError, HostError, LabError, TopologyError, UsageError


def failed(stderr: str) -> CommandError:
    done = Completed(("tc", "qdisc", "add me"), 2, "", stderr, 0.1)
    return CommandError("tc exited with status 2", completed=done)


def test_an_error_says_what_mends_it() -> None:
    error = HostError("no room", remedy="free some")

    assert str(error) == "no room\n  remedy: free some"
    assert (error.problem, error.remedy) == ("no room", "free some")


def test_the_remedy_of_a_failed_command_can_be_pasted() -> None:
    assert failed("").remedy == "run it by hand: tc qdisc 'add me'"


def test_a_failed_command_comes_with_its_last_twenty_lines() -> None:
    error = failed("".join(f"line {number}\n" for number in range(1, 31)))

    (note,) = error.__notes__
    assert note.splitlines()[0] == "its last words:"
    assert note.splitlines()[1:] == [f"  line {number}" for number in range(11, 31)]


@pytest.mark.parametrize("stderr", ["", "\n  \n"])
def test_a_command_that_said_nothing_has_no_last_words(stderr: str) -> None:
    assert not hasattr(failed(stderr), "__notes__")


def test_a_wrong_topology_is_a_wrong_command_line() -> None:
    """Both end with exit status 2."""
    assert issubclass(TopologyError, UsageError)


def test_a_failed_command_is_no_wrong_command_line() -> None:
    assert isinstance(failed(""), LabError)
    assert not isinstance(failed(""), UsageError)


def test_a_problem_that_nobody_could_read_is_cut_in_the_middle() -> None:
    error = LabError("begins " + "x" * 100_000 + " ends", remedy="free some")

    assert len(error.problem) < 5000
    assert error.problem.startswith("begins x")
    assert error.problem.endswith("x ends")
    assert str(error).endswith("remedy: free some")
