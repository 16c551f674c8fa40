"""A load, and a probe under it, in one command."""

from __future__ import annotations

import pytest

from lab import command
from lab.errors import ToolOutputError
from lab.tools import sockperf
from lab.tools.beside import beside, probed
from tests.tools.captured import captured

RUNNING = "\n=====lab: the load was running, sent 25000000 bytes\n"


def both(load: list[str], probe: list[str]) -> command.Completed:
    """The two on this machine, whose loopback stands in for a guest's interface."""
    return command.run(beside(load, probe, interface="lo"), timeout_s=10, check=False)


def test_probes_report_is_what_comes_before_the_verdict() -> None:
    report = captured("sockperf/3.7-ping-pong.txt")

    assert probed(report + RUNNING) == report
    assert sockperf.parse(probed(report + RUNNING), duration_s=1).count > 0


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("", "did not run to their end"),
        ("\n=====lab: the load was ", "did not run to their end"),
        (RUNNING.replace("running", "over"), "the load ended before the probe"),
        (RUNNING.replace("25000000", "999999"), "sent only 999999 bytes"),
    ],
    ids=["none", "torn", "over", "idle"],
)
def test_probe_without_a_load_is_refused(end: str, reason: str) -> None:
    with pytest.raises(ToolOutputError, match=reason):
        probed("some report" + end)


def test_shell_runs_the_two_and_ends_a_load_that_would_not_end() -> None:
    stubborn = ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"]

    done = both(stubborn, ["sh", "-c", "sleep 0.2; echo 'p q'"])

    assert done.stdout.startswith("p q\n\n=====lab: the load was running, sent ")
    assert done.elapsed_s < 5


def test_shell_tells_that_the_load_was_over() -> None:
    done = both(["true"], ["sleep", "0.3"])

    with pytest.raises(ToolOutputError, match="the load ended before"):
        probed(done.stdout)


def test_exit_status_is_the_probes() -> None:
    assert both(["sleep", "5"], ["sh", "-c", "exit 3"]).returncode == 3
