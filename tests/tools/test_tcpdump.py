"""tcpdump: argv, scripts, and the packets in packets."""

from __future__ import annotations

import subprocess
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest

from lab.errors import ToolOutputError
from lab.tools import tcpdump
from lab.tools.tcpdump import Tunnelled, parse
from tests.tools.captured import captured

if TYPE_CHECKING:
    from pathlib import Path

READ = captured("tcpdump/4.99.5-empty.err")
IPIP = captured("tcpdump/4.99.5-ipip.out")


def test_only_packets_of_ipip_are_captured_and_none_is_held_back() -> None:
    assert " ".join(tcpdump.capture("data0", "/run/wire.pcap")) == (
        "tcpdump -n --immediate-mode -U -Z root -i data0 -w /run/wire.pcap ip proto 4"
    )


def test_each_packet_is_told_by_its_nodes_and_its_pods() -> None:
    packets = parse(IPIP, stderr=READ)

    assert len(packets) == 6
    request, answer = packets[:2]
    assert request == Tunnelled(
        near=IPv4Address("198.18.1.2"),
        far=IPv4Address("198.18.1.1"),
        source=IPv4Address("10.244.1.7"),
        target=IPv4Address("10.244.0.5"),
    )
    assert (answer.source, answer.target) == (request.target, request.source)
    assert (answer.near, answer.far) == (request.far, request.near)


def test_a_packet_in_a_packet_may_have_ports() -> None:
    line = "IP 198.18.1.2 > 198.18.1.1: IP 10.244.1.7.40022 > 10.244.0.5.443: Flags [S], length 0\n"

    (packet,) = parse(line, stderr=READ)

    assert (str(packet.source), str(packet.target)) == ("10.244.1.7", "10.244.0.5")


def test_nothing_on_the_wire_is_an_observation() -> None:
    assert parse("", stderr=READ) == ()


@pytest.mark.parametrize("case", ["cut", "none"])
def test_half_a_capture_is_no_observation(case: str) -> None:
    with pytest.raises(ToolOutputError, match="truncated dump file"):
        parse("", stderr=captured(f"tcpdump/4.99.5-{case}.err"))


def test_a_tcpdump_that_did_not_start_is_no_observation() -> None:
    with pytest.raises(ToolOutputError, match="it said nothing"):
        parse("", stderr="")


@pytest.mark.parametrize(
    "line", ["garbage", "IP 198.18.1.2.53 > 198.18.1.1.53: UDP, length 3", "IP6 a > b: "]
)
def test_what_is_no_packet_in_a_packet_is_not_passed_over(line: str) -> None:
    with pytest.raises(ToolOutputError, match="shows no packet of IPIP"):
        parse(f"{line}\n", stderr=READ)


def test_what_writes_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "wire.pcap"
    file.write_bytes(b"header")

    for script in (tcpdump.ready_script(str(file)), tcpdump.show_script(str(file))):
        subprocess.run(["/bin/sh", "-n"], input=script, text=True, check=True)
    subprocess.run(["/bin/sh"], input=tcpdump.ready_script(str(file)), text=True, check=True)
