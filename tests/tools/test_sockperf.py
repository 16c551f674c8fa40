"""sockperf: argv, and what its text is believed to say."""

from __future__ import annotations

import subprocess

import pytest

from lab.errors import ToolOutputError
from lab.tools import sockperf
from tests.tools.captured import captured

IDLE = captured("sockperf/3.7-ping-pong.txt")


def test_client_and_server_speak_tcp_on_the_same_port() -> None:
    client = sockperf.ping_pong("198.18.0.1", duration_s=5)

    assert " ".join(sockperf.server()) == "sockperf server --tcp --ip 0.0.0.0 --port 11111"
    assert " ".join(client[4:]) == (
        "sockperf ping-pong --tcp --ip 198.18.0.1 --port 11111 --msg-size 64 --time 5 --full-rtt"
    )


def test_a_client_may_open_few_files_whatever_the_container_allows() -> None:
    bounded = sockperf.ping_pong("198.18.0.1", duration_s=5)[:4]

    done = subprocess.run([*bounded, "sh", "-c", "ulimit -n"], capture_output=True, check=True)

    assert done.stdout == b"1024\n"


def test_round_trips_are_in_seconds() -> None:
    latency = sockperf.parse(IDLE, duration_s=1)

    assert latency.count == 27_811
    assert latency.mean_s == pytest.approx(19.758e-6)
    assert latency.percentile_s(50) == pytest.approx(12.999e-6)
    assert latency.percentile_s(99) == pytest.approx(145.746e-6)
    assert latency.percentile_s(99.9) == pytest.approx(607.802e-6)


BROKEN = {
    "empty": ("", "printed nothing"),
    "colours-only": ("\x1b[0m\n", "printed nothing"),
    "truncated": (IDLE[: IDLE.index("Summary")], "0 lines, not one, match 'Total"),
    "cut-before-the-run": (IDLE[:200], "0 lines, not one, match .*Total Run"),
    "printed-twice": (IDLE + IDLE, "2 lines, not one"),
    "refused": (captured("sockperf/3.7-refused.txt"), "Can`t connect socket .*refused"),
    "server-died": (captured("sockperf/3.7-server-died.txt"), "forcibly closed by a peer"),
    "no-observations": (captured("sockperf/3.7-no-observations.txt"), "after its warm-up"),
    "another-tool": ("PING 198.18.0.1", "0 lines, not one"),
    "dropped": (IDLE.replace("dropped messages = 0", "dropped messages = 3"), "lost or doubled"),
    "doubled": (
        IDLE.replace("duplicated messages = 0", "duplicated messages = 3"),
        "lost or doubl",
    ),
    "count-differs": (
        IDLE.replace("Total 27811", "Total 27810"),
        "27811 messages came back, 27810",
    ),
    "one-way-for-round-trip": (IDLE.replace("is 19.758", "is 9.879"), "waits add up to 0.275 s"),
    "not-round-trip": (IDLE.replace("Round trip", "Latency"), "match 'Summary"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_output_is_refused_with_its_reason(case: str) -> None:
    text, problem = BROKEN[case]

    with pytest.raises(ToolOutputError, match=problem) as caught:
        sockperf.parse(text, duration_s=1)
    assert caught.value.remedy


def test_interrupted_run_is_refused() -> None:
    with pytest.raises(ToolOutputError, match=r"it ran for 1\.\d+ s of 4 s: cut short"):
        sockperf.parse(captured("sockperf/3.7-interrupted.txt"), duration_s=4)


def test_clock_that_runs_wrong_is_found() -> None:
    """A TSC taken for 10 % faster than it is makes the run look 10 % shorter."""
    with pytest.raises(ToolOutputError, match="its clock is wrong"):
        sockperf.parse(IDLE.replace("RunTime=1.000", "RunTime=0.909"), duration_s=1)


def test_run_that_waits_for_its_last_answer_is_late_and_believed() -> None:
    """Seen on an emulated guest beside a bulk stream."""
    text = IDLE.replace("RunTime=1.000", "RunTime=1.060")

    assert sockperf.parse(text, duration_s=1) == sockperf.parse(IDLE, duration_s=1)
