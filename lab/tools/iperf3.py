"""
iperf3: throughput of TCP and UDP. :mod:`lab.tools.iperf3_report` reads what it prints.

``--omit`` leaves out the start of a test; it comes before the time that was asked for.
"""

from __future__ import annotations

PORT = 5201
CONNECT_TIMEOUT_MS = 5000
CONGESTION_CONTROL = "cubic"
"""Named, because its default is the sender's kernel's: a hidden difference between cells."""
DATAGRAM_BYTES = 1400
"""UDP payload that fits one packet at any MTU from 1428."""


def server(address: str, *, port: int = PORT) -> list[str]:
    """
    A server that takes one test after the other, until it is ended.

    It is bound to *address*: otherwise a machine with several answers UDP from the one that
    its routes prefer, and the client never sees the answer.
    """
    return ["iperf3", "--server", "--bind", address, "--port", str(port)]


def tcp(
    address: str,
    *,
    duration_s: int,
    omit_s: int = 0,
    streams: int = 1,
    reverse: bool = False,
    port: int = PORT,
) -> list[str]:
    """
    A client that sends TCP to *address* or, with *reverse*, receives from it.

    Both times are whole seconds, as iperf3 reads them; *omit_s* comes before *duration_s*.
    """
    return [
        *_client(address, port=port, duration_s=duration_s),
        *("--congestion", CONGESTION_CONTROL),
        *("--omit", str(omit_s)),
        *("--parallel", str(streams)),
        *(["--reverse"] if reverse else []),
    ]


def udp(
    address: str,
    *,
    duration_s: int,
    load_bps: float | None,
    datagram_bytes: int = DATAGRAM_BYTES,
    port: int = PORT,
) -> list[str]:
    """
    A client that sends UDP to *address*: as much as it can if *load_bps* is None.

    Buffers stay at the system's default: a size above net.core.wmem_max is refused.
    """
    return [
        *_client(address, port=port, duration_s=duration_s),
        "--udp",
        *("--bitrate", str(0 if load_bps is None else round(load_bps))),
        *("--length", str(datagram_bytes)),
    ]


def _client(address: str, *, port: int, duration_s: int) -> list[str]:
    return [
        *("iperf3", "--client", address, "--port", str(port)),
        *("--json", "--connect-timeout", str(CONNECT_TIMEOUT_MS)),
        *("--time", str(duration_s)),
    ]
