"""The machines and networks of one bench: pure data, as a topology file declares them."""

from __future__ import annotations

import re

import msgspec

HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
MIN_MEMORY_MIB = 1024
MIN_SANDBOX_MIB = 192


class NodeSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A virtual machine of the bench, in which sandboxes run."""

    name: str
    cpus: int
    memory_mib: int
    pool_gib: int
    """Size of the second disk, which holds the thin pool of the devmapper storages."""

    def __post_init__(self) -> None:
        if not HOST_NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is not a host name: use a-z, 0-9 and inner dashes")
        if self.cpus < 1:
            raise ValueError(f"node {self.name} has {self.cpus} cpus: give it 1 or more")
        if self.memory_mib < MIN_MEMORY_MIB:
            raise ValueError(
                f"node {self.name} has {self.memory_mib} MiB: give it {MIN_MEMORY_MIB} or more"
            )
        if self.pool_gib < 1:
            raise ValueError(f"node {self.name} has a pool of {self.pool_gib} GiB: give it 1")


class SandboxSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The size of a sandbox's guest."""

    cpus: int = 1
    memory_mib: int = 512

    def __post_init__(self) -> None:
        if self.cpus < 1:
            raise ValueError(f"a sandbox has {self.cpus} cpus: give it 1 or more")
        if self.memory_mib < MIN_SANDBOX_MIB:
            raise ValueError(
                f"a sandbox has {self.memory_mib} MiB: give it {MIN_SANDBOX_MIB} or more"
            )


class Binary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A program inside the node, by its path there."""

    binary: str

    def __post_init__(self) -> None:
        if not self.binary.startswith("/"):
            raise ValueError(f"binary {self.binary!r} is not an absolute path inside the node")


class Topology(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"nodes": "node"}
):
    """One bench: its nodes, the size of its sandboxes, and the programs that run them."""

    name: str
    nodes: tuple[NodeSpec, ...]
    sandbox: SandboxSpec = SandboxSpec()
    qemu: Binary = Binary(binary="/usr/bin/qemu-system-x86_64")
    virtiofsd: Binary = Binary(binary="/usr/libexec/virtiofsd")

    def __post_init__(self) -> None:
        if not HOST_NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} cannot name machines: use a-z, 0-9 and inner dashes")
        if len(self.nodes) != 1:
            raise ValueError(f"topology {self.name} has {len(self.nodes)} nodes: declare one")
        node = self.nodes[0]
        if self.sandbox.memory_mib * 2 > node.memory_mib:
            raise ValueError(
                f"a sandbox of {self.sandbox.memory_mib} MiB needs a node of"
                f" {self.sandbox.memory_mib * 2} MiB: virtio-fs shares all of its memory"
                " through /dev/shm, which is half of the node's"
            )

    @property
    def node(self) -> NodeSpec:
        """The bench's machine."""
        return self.nodes[0]
