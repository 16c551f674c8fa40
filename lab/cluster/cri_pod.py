"""What containerd knows of a pod: read from ``crictl inspectp``, whoever asked for the pod."""

from __future__ import annotations

import json
from ipaddress import IPv4Interface
from pathlib import PurePosixPath
from typing import Any

from lab.errors import SandboxError
from lab.network.pod import CALICO_ROUTES, INTERFACE, MTU_BYTES, Pod


def pod_of(inspected: str) -> Pod:
    """
    Read the pod's network: the result that the CNI plugin gave to containerd.

    It holds neither the MTU nor, from every plugin, the routes: these are Calico's own, as the
    lab has configured it.

    Raises:
        SandboxError: if it names no network.
    """
    try:
        found: dict[str, Any] = json.loads(inspected)["info"]["cniResult"]["Interfaces"][INTERFACE]
        address = IPv4Interface(found["IPConfigs"][0]["IP"])
        namespace = PurePosixPath(found["Sandbox"]).name
        mac = found["Mac"]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise SandboxError(
            f"containerd knows of no network of the pod: {inspected.strip()[-500:] or 'no pod'}",
            remedy="run `crictl inspectp` on the node: `lab shell`",
        ) from error
    return Pod(
        namespace=namespace, mac=mac, address=address, mtu_bytes=MTU_BYTES, routes=CALICO_ROUTES
    )
