"""
Under which conditions a tool worked, as its own report says: what must not vary within a cell.

A segment size or a kernel that is another in one boot of a cell explains more than any model of
networks does, and stands in no other record.
"""

from __future__ import annotations

from typing import Any

import msgspec

from lab.decode import DecodeError, json_as

SEGMENT = "TCP segment size"
KERNEL = "kernel under the tool"


class _TestStart(msgspec.Struct, frozen=True):
    protocol: str = ""


class _Start(msgspec.Struct, frozen=True):
    version: str
    system_info: str = ""
    tcp_mss_default: int | None = None
    test_start: _TestStart = _TestStart()


class _End(msgspec.Struct, frozen=True):
    sender_tcp_congestion: str | None = None


class _Iperf3(msgspec.Struct, frozen=True):
    start: _Start
    end: _End = _End()


def conditions(report: str) -> dict[str, str]:
    """What *report* says of its conditions, by name; nothing if it is of no known tool."""
    document = _json(report)
    if "fio version" in document:
        return {"fio": str(document["fio version"])}
    try:
        return _of_iperf3(msgspec.convert(document, _Iperf3))
    except msgspec.ValidationError:
        return {}


def _of_iperf3(report: _Iperf3) -> dict[str, str]:
    start = report.start
    found = {"iperf3": start.version}
    # uname -a: system, node's name, release
    words = start.system_info.split()
    if len(words) > 2:  # noqa: PLR2004 - see above
        found[KERNEL] = words[2]
    if start.tcp_mss_default is not None and start.test_start.protocol == "TCP":
        found[SEGMENT] = str(start.tcp_mss_default)
    if report.end.sender_tcp_congestion:
        found["congestion control"] = report.end.sender_tcp_congestion
    return found


def _json(report: str) -> dict[str, Any]:
    """The report's own JSON; fio may have said something before it."""
    place = report.find("{")
    if place < 0:
        return {}
    try:
        return json_as(report[place:], dict[str, Any])
    except DecodeError:
        return {}
