"""What containerd knows of a pod: read from ``crictl inspectp``, whoever asked for the pod."""

from __future__ import annotations

from ipaddress import IPv4Interface
from pathlib import PurePosixPath

import msgspec

from lab.decode import DecodeError, json_as, quoted
from lab.errors import SandboxError
from lab.network.pod import CALICO_ROUTES, INTERFACE, MTU_BYTES, Pod


class _Address(msgspec.Struct, frozen=True):
    ip: str = msgspec.field(name="IP")


class _Interface(msgspec.Struct, frozen=True):
    mac: str = msgspec.field(name="Mac", default="")
    sandbox: str = msgspec.field(name="Sandbox", default="")
    addresses: list[_Address] | None = msgspec.field(name="IPConfigs", default=None)


class _Network(msgspec.Struct, frozen=True):
    """The result of the CNI plugin, as containerd keeps it."""

    interfaces: dict[str, _Interface] = msgspec.field(name="Interfaces", default={})


class _Status(msgspec.Struct, frozen=True):
    handler: str = msgspec.field(name="runtimeHandler", default="")


class _Info(msgspec.Struct, frozen=True):
    kind: str = msgspec.field(name="runtimeType", default="")
    network: _Network | None = msgspec.field(name="cniResult", default=None)


class Inspected(msgspec.Struct, frozen=True):
    """A pod; what was not said of it is empty."""

    status: _Status | None = None
    info: _Info | None = None

    @property
    def handler(self) -> str:
        """Which of containerd's handlers has started it."""
        return self.status.handler if self.status else ""

    @property
    def kind(self) -> str:
        """The type of that handler's runtime."""
        return self.info.kind if self.info else ""


def inspected(text: str) -> Inspected:
    """Read what ``crictl inspectp`` printed; of no pod, nothing is known."""
    try:
        return json_as(text, Inspected)
    except DecodeError:
        return Inspected()


def pod_of(text: str) -> Pod:
    """
    Read the pod's network: the result that the CNI plugin gave to containerd.

    It holds neither the MTU nor, from every plugin, the routes: these are Calico's own, as the
    lab has configured it.

    Raises:
        SandboxError: if it names no network.
    """
    info = inspected(text).info
    try:
        found = info.network.interfaces[INTERFACE] if info and info.network else _Interface()
        return Pod(
            namespace=PurePosixPath(found.sandbox).name,
            mac=found.mac,
            address=IPv4Interface((found.addresses or [_Address("")])[0].ip),
            mtu_bytes=MTU_BYTES,
            routes=CALICO_ROUTES,
        )
    except (ValueError, KeyError) as error:
        raise SandboxError(
            f"containerd knows of no network of the pod: {quoted(text) or 'no pod'}",
            remedy="run `crictl inspectp` on the node: `lab shell`",
        ) from error
