"""
sockperf: the time from a request to its answer, over TCP.

TCP, because a lost datagram would end a ping-pong. The clock is sockperf's own, the TSC:
with ``--no-rdtsc``, 3.7 takes the warm-up that it leaves out from a count of TSC ticks read
as nanoseconds, so that on a 2.6 GHz machine more than half of a two-second run is lost. That
the TSC was calibrated well is seen from the run's length, which another clock sets.

sockperf exits with status 0 after most failures: only its text tells.
"""

from __future__ import annotations

import re

from lab.errors import ToolOutputError
from lab.tools.latency import Latency
from lab.tools.output import KEPT, LONGER, disagree

PORT = 11111
MESSAGE_BYTES = 64
IDLE_S = 2.2
"""What a run takes besides its duration: it sleeps two seconds before it starts."""
DESCRIPTORS = 1024
"""As a shell has them by default. sockperf makes a table with a place for each that it might open
(defs.h, max_fds_num): 8 GiB in a container of Kubernetes', whose limit is a thousand million."""
CLOCK_TOLERANCE = 0.05
LAST_ANSWER_S = 0.1
"""How late a run may end: it waits for its last answer, on a busy emulated guest for so long."""
CLOSED_LOOP_TOLERANCE = 0.1
US = 1e-6

_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_TOTAL_RUN = re.compile(r"\[Total Run\] RunTime=(\d{1,9}\.\d+) sec;")
_VALID_RUN = re.compile(
    r"\[Valid Duration\] RunTime=(\d{1,9}\.\d+) sec; .*ReceivedMessages=(\d{1,15})"
)
_LOST = re.compile(r"# dropped messages = (\d+); # duplicated messages = (\d+);")
_MEAN = re.compile(r"Summary: Round trip is (\d{1,12}\.\d+) usec")
_COUNT = re.compile(r"Total (\d{1,15}) observations;")
_PERCENTILE = re.compile(r"---> percentile (\d{1,3}\.\d+) =\s*(\d{1,12}\.\d+)$", re.MULTILINE)


def server(*, port: int = PORT) -> list[str]:
    """A server that answers each message."""
    return ["sockperf", "server", "--tcp", "--ip", "0.0.0.0", "--port", str(port)]  # noqa: S104


def ping_pong(address: str, *, duration_s: int, port: int = PORT) -> list[str]:
    """
    A client that sends a message, waits for the answer, and sends the next.

    *duration_s* is in whole seconds; of it, 0.4 s are warm-up that is left out of the figures.
    """
    return [
        *("sh", "-c", f'ulimit -n {DESCRIPTORS} && exec "$@"', "sh"),
        *("sockperf", "ping-pong", "--tcp", "--ip", address, "--port", str(port)),
        *("--msg-size", str(MESSAGE_BYTES), "--time", str(duration_s), "--full-rtt"),
    ]


def parse(text: str, *, duration_s: int) -> Latency:
    """
    Read the round-trip times of a :func:`ping_pong` that was to last *duration_s*.

    Raises:
        ToolOutputError: if sockperf reported an error, was cut short, lost a message, or its
            figures contradict each other.
    """
    plain = _COLOUR.sub("", text)
    if not plain.strip():
        raise ToolOutputError("sockperf printed nothing", remedy=KEPT)
    if error := re.search(r"sockperf: ERROR: (.*)", plain):
        raise ToolOutputError(f"sockperf: {error[1]}", remedy=KEPT)
    if "No valid observations" in plain:
        raise ToolOutputError("sockperf has no observation after its warm-up", remedy=LONGER)
    _check_duration(float(_only(_TOTAL_RUN, plain)[1]), duration_s)
    if _only(_LOST, plain).groups() != ("0", "0"):
        raise _unbelievable("messages were lost or doubled on a TCP connection")
    latency = Latency(
        count=int(_only(_COUNT, plain)[1]),
        mean_s=float(_only(_MEAN, plain)[1]) * US,
        percentiles_s={
            float(percent): float(value) * US for percent, value in _PERCENTILE.findall(plain)
        },
    )
    _check_closed_loop(latency, _only(_VALID_RUN, plain))
    return latency


def _only(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    matches = list(pattern.finditer(text))
    if len(matches) != 1:
        raise _unbelievable(f"{len(matches)} lines, not one, match {pattern.pattern!r}")
    return matches[0]


def _check_duration(seconds: float, duration_s: int) -> None:
    allowed_s = CLOCK_TOLERANCE * duration_s
    if not -allowed_s <= seconds - duration_s <= allowed_s + LAST_ANSWER_S:
        raise _unbelievable(
            f"it ran for {seconds:g} s of {duration_s} s: cut short, or its clock is wrong"
        )


def _check_closed_loop(latency: Latency, run: re.Match[str]) -> None:
    """Each message waits for the last one's answer: so all waits together make the run."""
    if int(run[2]) != latency.count or latency.count == 0:
        raise _unbelievable(f"{run[2]} messages came back, {latency.count} were observed")
    waited_s = latency.count * latency.mean_s
    if disagree(waited_s, float(run[1]), tolerance=CLOSED_LOOP_TOLERANCE):
        raise _unbelievable(f"its waits add up to {waited_s:.3g} s of {run[1]} s")


def _unbelievable(problem: str) -> ToolOutputError:
    return ToolOutputError(f"sockperf's report cannot be believed: {problem}", remedy=KEPT)
