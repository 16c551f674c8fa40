"""
Who is at either end of what a network metric measures: what its title says, and nobody else.

Kata's own suite ran the client of its iperf3 test without Kata for years.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from lab.profile import SMOKE
from scenarios.network import test_throughput as scenarios
from tests.runtime.fake_node import completed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lab.command import Completed
    from lab.sample import Metric

DATA = Path(__file__).parent / "data" / "iperf3"
NODE = "198.18.0.1"


class Guest:
    """The sandbox under test, which keeps what was run in it; nothing else here can run it."""

    pod = SimpleNamespace(mtu_bytes=1440)

    def __init__(self) -> None:
        self.ran: list[list[str]] = []

    def run(self, argv: Sequence[str], **_: Any) -> Completed:  # noqa: ANN401
        self.ran.append(list(argv))
        name = "udp" if "--udp" in argv else "tcp-in" if "--reverse" in argv else "tcp-out"
        if "--parallel" in argv and argv[argv.index("--parallel") + 1] == "2":
            name = "tcp-two-streams"
        return completed(argv, stdout=(DATA / f"3.18-{name}.json").read_text())


class Taken:
    """Stands for the fixture ``measure``: keeps which metrics were measured."""

    def __init__(self) -> None:
        self.metrics: list[Metric] = []

    def __call__(self, metric: Metric, _value: float, **_: Any) -> None:  # noqa: ANN401
        self.metrics.append(metric)

    @contextmanager
    def watching(self) -> Iterator[None]:
        yield


@pytest.mark.parametrize(
    "scenario",
    [
        scenarios.test_tcp_out,
        scenarios.test_tcp_in,
        scenarios.test_tcp_out_two_streams,
        scenarios.test_udp_below_capacity,
    ],
)
def test_the_client_is_the_sandbox_and_data_flow_as_the_title_says(
    scenario: Callable[..., None],
) -> None:
    guest, taken = Guest(), Taken()
    server = SimpleNamespace(address=NODE, serving=nullcontext)

    scenario(sandbox=guest, iperf3_server=server, profile=SMOKE, measure=taken)

    assert guest.ran
    for argv in guest.ran:
        assert argv[:3] == ["iperf3", "--client", NODE]
    directed = [metric.title for metric in taken.metrics if " to " in metric.title]
    flows_in = ["--reverse" in argv for argv in guest.ran]
    assert directed
    assert len({("node to guest" in title) for title in directed} | set(flows_in)) == 1
