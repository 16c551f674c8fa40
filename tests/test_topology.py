from __future__ import annotations

import pytest

from lab.topology import Binary, NodeSpec, SandboxSpec, Topology

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


@pytest.mark.parametrize("path", ["", "qemu", "./qemu", "usr/bin/qemu"])
def test_a_program_is_named_by_its_whole_path(path: str) -> None:
    with pytest.raises(ValueError, match="is not an absolute path"):
        Binary(binary=path)
