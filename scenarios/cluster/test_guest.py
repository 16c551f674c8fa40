"""What a pod is to its node and to itself: whose kernel it runs on, what its containers share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.cluster.objects import SECOND
from lab.matrix import KATA
from lab.tools import iperf3

if TYPE_CHECKING:
    from lab.node import Node
    from lab.runtime.pod import PodSandbox
    from lab.runtime.sandbox import Sandbox

BOOT_ID = ["cat", "/proc/sys/kernel/random/boot_id"]
TIMEOUT_S = 60.0


def test_kernel_is_the_guests_own(sandbox: Sandbox, node: Node) -> None:
    """The kernel in a pod of Kata has booted by itself; in a pod of runc it is the node's."""
    inside = sandbox.run(BOOT_ID, timeout_s=TIMEOUT_S).stdout.strip()
    outside = node.run(BOOT_ID, timeout_s=TIMEOUT_S).stdout.strip()
    assert (inside != outside) is (sandbox.cell.runtime in KATA)


def test_containers_of_a_pod_share_network_and_kernel(pair: PodSandbox) -> None:
    """What one has bound on the loopback, the other one sees, in one and the same guest."""
    listening = ["ss", "-Hltn", f"sport = :{iperf3.PORT}"]
    assert pair.run_in(SECOND, listening, timeout_s=TIMEOUT_S).stdout.strip() == ""
    with pair.background(iperf3.server("127.0.0.1"), listening=iperf3.PORT):
        assert "127.0.0.1" in pair.run_in(SECOND, listening, timeout_s=TIMEOUT_S).stdout
    second = pair.run_in(SECOND, BOOT_ID, timeout_s=TIMEOUT_S).stdout
    assert pair.run(BOOT_ID, timeout_s=TIMEOUT_S).stdout == second
