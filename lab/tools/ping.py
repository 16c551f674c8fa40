"""
ping of iputils: whether packets pass, and how large they may be.

That no answer came is an observation, not a fault of the tool: it is in the report.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lab.errors import ToolOutputError
from lab.tools.output import KEPT

HEADERS_BYTES = 20 + 8
"""IPv4 and ICMP: what a packet has besides ping's payload."""
TOO_LONG = re.compile(r"[Mm]essage too long|Frag needed and DF set")

_REPLY = re.compile(
    r"^\d+ bytes from \S+: icmp_seq=(?P<number>\d+) ttl=(?P<ttl>\d{1,3})"
    r" time=(?P<ms>\d{1,9}(\.\d+)?) ms"
    r"(?P<twice> \(DUP!\))?$",
    re.MULTILINE,
)
_STATISTICS = re.compile(
    r"^(?P<sent>\d{1,9}) packets transmitted, (?P<received>\d{1,9}) received,"
    r"( \+(?P<duplicates>\d{1,9}) duplicates,)?",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PingReport:
    """What became of some echo requests."""

    sent: int
    received: int
    """Requests that were answered."""
    duplicates: int
    """Answers beyond the first to a request: somebody copies packets."""
    ttls: tuple[int, ...]
    """Of each answer as it arrived."""
    round_trips_s: tuple[float, ...]
    is_too_long: bool
    """Whether somebody on the way, or this system, said that the packet exceeds an MTU."""

    @property
    def all_answered(self) -> bool:
        """Whether each request was answered."""
        return self.received == self.sent


def ping(
    address: str,
    *,
    count: int = 1,
    packet_bytes: int = 84,
    may_fragment: bool = True,
    interval_s: float = 0.2,
    wait_s: float = 1.0,
) -> list[str]:
    """
    Send *count* echo requests of *packet_bytes*, IPv4 header included, to *address*.

    Without *may_fragment*, a packet that exceeds the path's MTU is refused.
    """
    return [
        *("ping", "-n", "-c", str(count), "-i", f"{interval_s:g}", "-W", f"{wait_s:g}"),
        *("-s", str(packet_bytes - HEADERS_BYTES)),
        *([] if may_fragment else ["-M", "do"]),
        address,
    ]


def parse(stdout: str, *, stderr: str) -> PingReport:
    """
    Read what ping printed; *stderr* is where it says that a packet is too long.

    Raises:
        ToolOutputError: if there are no statistics (ping could not start, or was ended), or
            they do not fit the answers before them.
    """
    statistics = _STATISTICS.search(stdout)
    if statistics is None:
        words = (stderr.strip() or stdout.strip() or "it printed nothing").splitlines()[-1]
        raise ToolOutputError(f"ping gave no statistics: {words}", remedy=KEPT)
    replies = list(_REPLY.finditer(stdout))
    firsts = [reply for reply in replies if not reply["twice"]]
    report = PingReport(
        sent=int(statistics["sent"]),
        received=int(statistics["received"]),
        duplicates=int(statistics["duplicates"] or 0),
        ttls=tuple(int(reply["ttl"]) for reply in replies),
        round_trips_s=tuple(float(reply["ms"]) / 1000 for reply in firsts),
        is_too_long=TOO_LONG.search(stdout + stderr) is not None,
    )
    if report.sent == 0:
        raise ToolOutputError("ping sent nothing", remedy=KEPT)
    if (report.received, report.duplicates) != (len(firsts), len(replies) - len(firsts)):
        raise ToolOutputError(
            f"ping counted {report.received} answers and {report.duplicates} duplicates, but"
            f" printed {len(firsts)} and {len(replies) - len(firsts)}",
            remedy=KEPT,
        )
    return report
