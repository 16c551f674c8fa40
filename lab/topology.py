"""The machines and networks of one bench: pure data, as a topology file declares them."""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from itertools import islice
from typing import Annotated

import msgspec

from lab import names
from lab.matrix import CONTROLS, KATA, Runtime, own_runtimes


def _shown(**constraints: object) -> msgspec.Meta:
    """What the schema says of a field, so that editors know; the checks below say it better."""
    return msgspec.Meta(extra_json_schema=constraints)


def _without_names(pattern: re.Pattern[str]) -> str:
    """*pattern* as JSON Schema wants it: of the whole text, and as JavaScript writes it."""
    return f"^{re.sub(r'[(][?]P<[a-z]+>', '(', pattern.pattern)}$"


HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
MIN_MEMORY_MIB = 1024
MIN_SANDBOX_MIB = 192
MIN_CONTROL_PLANE_MIB = 3072
MIN_CONTROL_PLANE_CPUS = 2
"""kubeadm refuses fewer processors (preflight, NumCPU)."""
BENCHMARKS = IPv4Network("198.18.0.0/15")
"""The range that RFC 2544 reserves for benchmarks: no address of a bench is anybody else's."""
URI = re.compile(
    r"qemu(\+ssh://(?P<login>([a-z_][a-z0-9_-]*@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*))"
    r"(:(?P<port>[0-9]{1,5}))?|://)/(?P<daemon>system|session)"
)

Name = Annotated[str, _shown(pattern=_without_names(HOST_NAME))]
Positive = Annotated[int, _shown(minimum=1)]
Path = Annotated[str, _shown(pattern=_without_names(names.PATH))]
Address = Annotated[str, _shown(format="ipv4")]


class Cluster(StrEnum):
    """What stands on the nodes between containerd and the lab."""

    NONE = "none"
    """Nothing: the lab itself asks for each sandbox."""
    KUBERNETES = "kubernetes"
    """Sandboxes are pods."""


class Role(StrEnum):
    """What a node is to a cluster."""

    SINGLE = "single"
    """The only node: control plane, if there is one, and worker."""
    CONTROL_PLANE = "control-plane"
    WORKER = "worker"


class DataNetwork(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The isolated network between the nodes; nothing else is on it."""

    subnet: str
    """Its addresses, within 198.18.0.0/15, the range that is reserved for benchmarks."""

    def __post_init__(self) -> None:
        try:
            is_ours = self.range.subnet_of(BENCHMARKS)
        except ValueError as error:
            raise ValueError(f"data_network: {self.subnet!r} is no subnet: {error}") from None
        if not is_ours:
            raise ValueError(f"data_network: {self.subnet} is not within {BENCHMARKS}")

    @property
    def range(self) -> IPv4Network:
        """The subnet, to compute with."""
        return IPv4Network(self.subnet)


class NodeSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A virtual machine of the bench, in which sandboxes run."""

    name: Name
    """Its host name."""
    cpus: Positive
    """Virtual processors."""
    memory_mib: Annotated[int, _shown(minimum=MIN_MEMORY_MIB)]
    """Memory; half of it at most is for guests."""
    pool_gib: Positive
    """
    Size of the second disk: one half holds containerd's images, the other the thin pool of the
    devmapper storages.
    """
    role: Role = Role.SINGLE
    """What it is to the cluster: of several nodes one is the control plane, the others workers."""
    address: Address | None = None
    """On the data network, where there is one; without it the first that is free."""

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
        if self.address is not None:
            IPv4Address(self.address)


class SandboxSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The size of a sandbox's guest."""

    cpus: Positive = 1
    """Virtual processors."""
    memory_mib: Annotated[int, _shown(minimum=MIN_SANDBOX_MIB)] = 512
    """Memory; a node has at least twice as much."""

    def __post_init__(self) -> None:
        if self.cpus < 1:
            raise ValueError(f"a sandbox has {self.cpus} cpus: give it 1 or more")
        if self.memory_mib < MIN_SANDBOX_MIB:
            raise ValueError(
                f"a sandbox has {self.memory_mib} MiB: give it {MIN_SANDBOX_MIB} or more"
            )


class Binary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A program inside the node, by its path there."""

    binary: Path
    """Where it is."""

    def __post_init__(self) -> None:
        names.path(self.binary)  # it becomes part of shell lines


class Topology(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"nodes": "node"}
):
    """One bench: its nodes, the size of its sandboxes, and the programs that run them."""

    name: Name
    """What the bench is called, in the names of its machines and in the report."""
    nodes: Annotated[tuple[NodeSpec, ...], _shown(minItems=1)]
    """The machines: one, or a control plane and the workers of Kubernetes."""
    cluster: Cluster = Cluster.NONE
    """What starts sandboxes: `none`, the lab itself, or `kubernetes`, for which they are pods."""
    data_network: DataNetwork | None = None
    """The isolated network between nodes, where there are several."""
    sandbox: SandboxSpec = SandboxSpec()
    """The size of each sandbox's guest."""
    qemu: Binary = Binary(binary="/usr/bin/qemu-system-x86_64")
    """The QEMU that starts sandboxes, as a path inside the node."""
    virtiofsd: Binary = Binary(binary="/usr/libexec/virtiofsd")
    """The virtiofsd beside it."""
    uri: Annotated[str, _shown(pattern=_without_names(URI))] | None = None
    """
    The libvirt that the bench belongs to, if not just that of whoever runs the lab. The lab runs on
    that machine itself.
    """

    def __post_init__(self) -> None:
        if not HOST_NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} cannot name machines: use a-z, 0-9 and inner dashes")
        if self.uri is not None and not URI.fullmatch(self.uri):
            raise ValueError(
                f"uri: {self.uri!r} is neither qemu:///system, nor qemu+ssh://USER@HOST/system,"
                " nor one of these with session"
            )
        self._check_roles()
        msgspec.structs.force_setattr(self, "nodes", self._with_addresses())
        self._check_addresses()
        if self.is_cluster:
            self._check_control_plane()
        node = self.node
        if self.sandbox.memory_mib * 2 > node.memory_mib:
            raise ValueError(
                f"a sandbox of {self.sandbox.memory_mib} MiB needs a node of"
                f" {self.sandbox.memory_mib * 2} MiB: virtio-fs shares all of its memory"
                " through /dev/shm, which is half of the node's"
            )

    @property
    def digest(self) -> str:
        """What tells it from another of its name."""
        described = msgspec.to_builtins(self)
        del described["uri"]  # where it is made says nothing of what it is
        return hashlib.sha256(msgspec.json.encode(described)).hexdigest()[:12]

    @property
    def is_cluster(self) -> bool:
        """Whether sandboxes are pods of Kubernetes."""
        return self.cluster is Cluster.KUBERNETES

    @property
    def node(self) -> NodeSpec:
        """The machine that is measured: sandboxes run on it. Of several workers, the first."""
        return next(node for node in self.nodes if node.role is not Role.CONTROL_PLANE)

    @property
    def control_plane(self) -> NodeSpec:
        """The machine that Kubernetes' own programs run on, where there are such."""
        return next(node for node in self.nodes if node.role is not Role.WORKER)

    @property
    def workers(self) -> tuple[NodeSpec, ...]:
        """The machines that join the control plane; none where it is alone."""
        return tuple(node for node in self.nodes if node.role is Role.WORKER)

    @property
    def controls(self) -> tuple[Runtime, ...]:
        """The runtimes beside Kata's: no pod is started by the lab's own."""
        return (Runtime.RUNC,) if self.is_cluster else CONTROLS

    @property
    def runtimes(self) -> tuple[Runtime, ...]:
        """The runtimes that the bench can have, Kata's if it has their artefacts."""
        return (*self.controls, *KATA, *(() if self.is_cluster else own_runtimes()))

    def _with_addresses(self) -> tuple[NodeSpec, ...]:
        """The nodes, each without an address with the first one that is free."""
        if self.data_network is None or len(self.nodes) == 1:
            return self.nodes
        taken = {IPv4Address(node.address) for node in self.nodes if node.address is not None}
        # No more are looked at than may be needed: a subnet can have 131070 of them.
        hosts = islice(self.data_network.range.hosts(), 2 * len(self.nodes))
        free = (str(address) for address in hosts if address not in taken)
        return tuple(
            msgspec.structs.replace(node, address=node.address or next(free, None))
            for node in self.nodes
        )

    def _check_roles(self) -> None:
        roles = [node.role for node in self.nodes]
        if roles == [Role.SINGLE]:
            return
        if not self.is_cluster:
            raise ValueError(f"topology {self.name} has {len(roles)} nodes: declare one")
        workers = len(self.workers)
        if roles.count(Role.CONTROL_PLANE) != 1 or workers < 1 or workers + 1 < len(roles):
            raise ValueError(
                f"topology {self.name} is neither a single node"
                " nor one of the role control-plane and others of the role worker"
            )

    def _check_addresses(self) -> None:
        names = [node.name for node in self.nodes]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"topology {self.name} has two nodes called {twice[0]}")
        if self.data_network is None:
            if len(names) > 1 or any(node.address for node in self.nodes):
                raise ValueError(f"topology {self.name} has addresses to give, and no data_network")
            return
        if len(names) == 1:
            raise ValueError(f"topology {self.name} has a data_network, and one node: leave it out")
        subnet = self.data_network.range
        taken: set[IPv4Address] = set()
        for node in self.nodes:
            if node.address is None or IPv4Address(node.address) not in subnet:
                raise ValueError(f"node {node.name} has no address in {self.data_network.subnet}")
            taken.add(IPv4Address(node.address))
        if len(taken) < len(names):
            raise ValueError(f"topology {self.name} gives one address to two nodes")

    def _check_control_plane(self) -> None:
        node = self.control_plane
        if node.cpus < MIN_CONTROL_PLANE_CPUS or node.memory_mib < MIN_CONTROL_PLANE_MIB:
            raise ValueError(
                f"node {node.name} is a control plane: give it {MIN_CONTROL_PLANE_CPUS} cpus"
                f" and {MIN_CONTROL_PLANE_MIB} MiB or more"
            )
