from __future__ import annotations

import msgspec
import pytest

from lab.matrix import Runtime
from lab.topology import Binary, Cluster, DataNetwork, NodeSpec, Role, SandboxSpec, Topology

NODE = NodeSpec(name="node-1", cpus=2, memory_mib=4096, pool_gib=8)


def node(*, name: str = "n", cpus: int = 1, memory_mib: int = 1024, pool_gib: int = 1) -> NodeSpec:
    return NodeSpec(name=name, cpus=cpus, memory_mib=memory_mib, pool_gib=pool_gib)


@pytest.mark.parametrize("name", ["n", "node-1", "9", "a" * 63])
def test_the_smallest_node_is_enough(name: str) -> None:
    assert Topology(name="small", nodes=(node(name=name),)).node.name == name


@pytest.mark.parametrize("name", ["", "-a", "a-", "a.b", "A", "a b", "a/b", "a\n", "a" * 64])
def test_a_name_is_a_host_name(name: str) -> None:
    with pytest.raises(ValueError, match="is not a host name"):
        node(name=name)


@pytest.mark.parametrize("name", ["", "../escape", "a/b", "two words", "Upper"])
def test_a_topologys_name_can_be_the_name_of_a_machine_and_of_a_folder(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name machines"):
        Topology(name=name, nodes=(NODE,))


@pytest.mark.parametrize("cpus", [0, -1])
def test_a_node_has_a_processor(cpus: int) -> None:
    with pytest.raises(ValueError, match=f"node n has {cpus} cpus"):
        node(cpus=cpus)


def test_a_node_has_memory_to_boot() -> None:
    with pytest.raises(ValueError, match="node n has 1023 MiB: give it 1024 or more"):
        node(memory_mib=1023)


def test_a_node_has_a_pool() -> None:
    with pytest.raises(ValueError, match="node n has a pool of 0 GiB"):
        node(pool_gib=0)


def test_a_sandbox_has_a_processor_and_memory_to_boot() -> None:
    with pytest.raises(ValueError, match="a sandbox has 0 cpus"):
        SandboxSpec(cpus=0)
    with pytest.raises(ValueError, match="a sandbox has 191 MiB: give it 192 or more"):
        SandboxSpec(memory_mib=191)


@pytest.mark.parametrize("nodes", [(), (NODE, NODE)], ids=["none", "two"])
def test_a_bench_has_one_node(nodes: tuple[NodeSpec, ...]) -> None:
    with pytest.raises(ValueError, match=f"has {len(nodes)} nodes: declare one"):
        Topology(name="t", nodes=nodes)


def test_a_sandbox_fits_into_half_of_the_node() -> None:
    half = SandboxSpec(memory_mib=2048)

    assert Topology(name="t", nodes=(NODE,), sandbox=half).sandbox == half
    with pytest.raises(ValueError, match="a sandbox of 2049 MiB needs a node of 4098 MiB"):
        Topology(name="t", nodes=(NODE,), sandbox=SandboxSpec(memory_mib=2049))


@pytest.mark.parametrize(
    "path",
    ["", "qemu", "./qemu", "usr/bin/qemu", "/usr/bin/qemu; reboot", "/usr/../bin/qemu", "/a\nb"],
)
def test_a_program_is_named_by_its_whole_path(path: str) -> None:
    with pytest.raises(ValueError, match="is not a plain path from the root"):
        Binary(binary=path)


CONTROL = NodeSpec(
    name="control-1",
    cpus=2,
    memory_mib=4096,
    pool_gib=8,
    role=Role.CONTROL_PLANE,
    address="198.18.1.1",
)
WORKER = NodeSpec(
    name="worker-1", cpus=1, memory_mib=2048, pool_gib=8, role=Role.WORKER, address="198.18.1.2"
)
NETWORK = DataNetwork(subnet="198.18.1.0/24")
SMALL = DataNetwork(subnet="198.18.1.1/32")


def cluster(*nodes: NodeSpec, network: DataNetwork | None = None) -> Topology:
    return Topology(name="c", nodes=nodes, cluster=Cluster.KUBERNETES, data_network=network)


def changed(node: NodeSpec, **fields: object) -> NodeSpec:
    return msgspec.structs.replace(node, **fields)


def test_one_node_is_control_plane_and_worker() -> None:
    single = cluster(NODE)

    assert single.control_plane == single.node == NODE
    assert single.runtimes == (Runtime.RUNC, Runtime.KATA_GO, Runtime.KATA_RS)


def test_of_two_nodes_the_worker_has_the_sandboxes() -> None:
    both = cluster(CONTROL, WORKER, network=NETWORK)

    assert (both.control_plane, both.node) == (CONTROL, WORKER)


def test_any_number_of_workers_may_join_and_the_first_is_measured() -> None:
    other = changed(WORKER, name="worker-2", address="198.18.1.3")
    three = cluster(CONTROL, WORKER, other, network=NETWORK)

    assert (three.control_plane, three.node) == (CONTROL, WORKER)
    assert three.workers == (WORKER, other)
    assert cluster(NODE).workers == ()


def test_without_a_cluster_the_labs_own_runtimes_are_there_as_well() -> None:
    bench = Topology(name="t", nodes=(NODE,))

    assert not bench.is_cluster
    assert Runtime.REFERENCE in bench.runtimes
    assert bench.control_plane == NODE


@pytest.mark.parametrize(
    ("nodes", "network", "problem"),
    [
        ((CONTROL,), NETWORK, "neither a single node nor one of the role control-plane"),
        ((CONTROL, CONTROL), NETWORK, "neither a single node"),
        ((WORKER, WORKER), NETWORK, "neither a single node"),
        ((CONTROL, WORKER, NODE), NETWORK, "neither a single node"),
        ((CONTROL, CONTROL, WORKER), NETWORK, "neither a single node"),
        ((CONTROL, WORKER, WORKER), NETWORK, "two nodes called worker-1"),
        ((CONTROL, WORKER), None, "has addresses to give, and no data_network"),
        ((changed(NODE, address="198.18.1.1"),), None, "has addresses to give"),
        ((changed(NODE, address="198.18.1.1"),), NETWORK, "has a data_network, and one node"),
        ((CONTROL, changed(WORKER, name="control-1")), NETWORK, "two nodes called control-1"),
        ((CONTROL, changed(WORKER, address="198.18.0.2")), NETWORK, "worker-1 has no address in"),
        (
            (CONTROL, changed(WORKER, address=None)),
            SMALL,
            "worker-1 has no address in 198.18.1.1/32",
        ),
        ((CONTROL, changed(WORKER, address="198.18.2.2")), NETWORK, "has no address in"),
        ((CONTROL, changed(WORKER, address="198.18.1.1")), NETWORK, "one address to two nodes"),
        ((changed(CONTROL, memory_mib=2048), WORKER), NETWORK, "give it 2 cpus and 3072 MiB"),
        ((changed(NODE, cpus=1),), None, "node-1 is a control plane: give it 2 cpus"),
    ],
)
def test_what_no_cluster_can_be(
    nodes: tuple[NodeSpec, ...], network: DataNetwork | None, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        cluster(*nodes, network=network)


def test_a_node_without_an_address_has_the_first_that_is_free() -> None:
    names = ("worker-1", "worker-2", "worker-3")
    workers = [changed(WORKER, name=name, address=None) for name in names]
    workers[1] = changed(workers[1], address="198.18.1.3")
    made = cluster(changed(CONTROL, address=None), *workers, network=NETWORK)

    addresses = [node.address for node in made.nodes]
    assert addresses == ["198.18.1.1", "198.18.1.2", "198.18.1.3", "198.18.1.4"]


def test_a_computed_address_is_as_good_as_one_that_is_written() -> None:
    bare = cluster(*(changed(n, address=None) for n in (CONTROL, WORKER)), network=NETWORK)

    assert bare == cluster(CONTROL, WORKER, network=NETWORK)
    assert bare.digest == cluster(CONTROL, WORKER, network=NETWORK).digest


@pytest.mark.parametrize(
    "uri",
    ["qemu:///system", "qemu:///session", "qemu+ssh://bench.example/system",
     "qemu+ssh://root@bench-1:2222/session"],
)  # fmt: skip
def test_where_a_bench_belongs_says_nothing_of_what_it_is(uri: str) -> None:
    plain = Topology(name="t", nodes=(NODE,))

    assert Topology(name="t", nodes=(NODE,), uri=uri).digest == plain.digest


@pytest.mark.parametrize(
    "uri",
    ["", "qemu", "qemu:///", "qemu://bench/system", "qemu+ssh:///system", "qemu+tcp://b/system",
     "qemu+ssh://b/system?keyfile=x", "qemu+ssh://-oProxyCommand=x/system", "qemu+ssh://a b/system",
     "xen:///system"],
)  # fmt: skip
def test_a_uri_is_of_qemu_here_or_by_ssh(uri: str) -> None:
    with pytest.raises(ValueError, match=r"uri: .* is neither qemu:///system, nor qemu\+ssh"):
        Topology(name="t", nodes=(NODE,), uri=uri)


def test_nodes_have_a_data_network_of_benchmarks_only() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/24 is not within 198\.18\.0\.0/15"):
        DataNetwork(subnet="10.0.0.0/24")
    with pytest.raises(ValueError, match=r"'198\.18\.1\.1/24' is no subnet"):
        DataNetwork(subnet="198.18.1.1/24")
    with pytest.raises(ValueError, match="is no subnet"):
        DataNetwork(subnet="here")


def test_an_address_is_one() -> None:
    with pytest.raises(ValueError, match=r"198\.18\.1"):
        changed(NODE, address="198.18.1")
