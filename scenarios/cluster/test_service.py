"""A pod reaches another through a service: kube-proxy's rules, between two pods of one node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenarios.cluster.conftest import SERVICE_PORT

if TYPE_CHECKING:
    from lab.runtime.sandbox import Sandbox

TIMEOUT_S = 60.0


def test_pod_reaches_service(sandbox: Sandbox, peer: Sandbox, peer_service: str) -> None:
    """Who connects to the service's address talks to the pod behind it."""
    server = ["iperf3", "--server", "--one-off", "--port", str(SERVICE_PORT)]
    client = ["iperf3", "--client", peer_service, "--port", str(SERVICE_PORT), "--bytes", "64K"]
    with peer.background(server, listening=SERVICE_PORT):
        done = sandbox.run([*client, "--json"], timeout_s=TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stdout
