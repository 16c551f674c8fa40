"""A load, and a probe under it, in one command."""

from __future__ import annotations

import pytest

from lab import command
from lab.errors import ToolOutputError
from lab.tools import sockperf
from lab.tools.beside import beside, split
from lab.tools.iperf3_report import parse_ended
from tests.tools.captured import captured


def test_both_reports_come_apart_again() -> None:
    load, probe = split(captured("sockperf/3.7-beside-iperf3.txt"))

    assert parse_ended(load) > 0
    assert sockperf.parse(probe, duration_s=1).count == 34_443


def test_load_that_ended_first_is_no_load() -> None:
    with pytest.raises(ToolOutputError, match="the load ended before the probe"):
        split(captured("sockperf/3.7-beside-short-load.txt"))


@pytest.mark.parametrize("text", ["", captured("sockperf/3.7-ping-pong.txt")])
def test_output_without_a_load_is_refused(text: str) -> None:
    with pytest.raises(ToolOutputError, match="did not run to their end"):
        split(text)


def test_shell_runs_the_two_and_ends_the_load() -> None:
    done = command.run(
        beside(["sh", "-c", "echo 'a b'; exec sleep 60"], ["sh", "-c", "sleep 0.2; echo 'p q'"]),
        timeout_s=10,
    )

    assert split(done.stdout) == ("a b\n", "p q\n")
    assert done.elapsed_s < 5


def test_shell_tells_that_the_load_was_over() -> None:
    done = command.run(beside(["true"], ["sleep", "0.3"]), timeout_s=10)

    with pytest.raises(ToolOutputError, match="the load ended before"):
        split(done.stdout)


def test_exit_status_is_the_probes() -> None:
    done = command.run(beside(["sleep", "0.1"], ["sh", "-c", "exit 3"]), timeout_s=10, check=False)

    assert done.returncode == 3
