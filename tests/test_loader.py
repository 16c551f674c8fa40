from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from lab.errors import TopologyError
from lab.loader import load_topology
from lab.places import TOPOLOGIES
from lab.topology import NodeSpec, SandboxSpec

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """\
name = "mine"

[[node]]
name = "node-1"
cpus = 1
memory_mib = 2048
pool_gib = 4
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.toml"


@pytest.mark.parametrize("path", sorted(TOPOLOGIES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_topology_of_the_project_is_right(path: Path) -> None:
    assert load_topology(path.stem).name == path.stem


def test_the_embedded_bench_is_what_the_readme_says() -> None:
    embedded = load_topology("embedded")

    assert embedded.node == NodeSpec(name="node-1", cpus=2, memory_mib=4096, pool_gib=8)
    assert embedded.sandbox == SandboxSpec(cpus=1, memory_mib=512)


def test_a_name_is_looked_up_and_a_path_is_opened(file: Path) -> None:
    file.write_text(GOOD)

    assert load_topology("mine", folder=file.parent) == load_topology(str(file))


def test_what_is_not_said_has_a_default(file: Path) -> None:
    file.write_text(GOOD)

    mine = load_topology(str(file))

    assert mine.sandbox == SandboxSpec(cpus=1, memory_mib=512)
    assert mine.qemu.binary == "/usr/bin/qemu-system-x86_64"
    assert mine.virtiofsd.binary == "/usr/libexec/virtiofsd"


def test_an_unknown_name_names_the_nearest_and_where_it_looked(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(GOOD)
    (tmp_path / "large.toml").write_text(GOOD)

    with pytest.raises(TopologyError) as caught:
        load_topology("smal", folder=tmp_path)

    assert caught.value.problem == f"there is no topology 'smal' in {tmp_path}"
    assert caught.value.remedy.startswith("did you mean 'small'? known: large, small")


@pytest.mark.parametrize("name", ["nothing/like/it", "small.toml/x", ""])
def test_what_is_not_there_is_said_so(tmp_path: Path, name: str) -> None:
    (tmp_path / "small.toml").write_text(GOOD)

    with pytest.raises(TopologyError, match="there is no topology") as caught:
        load_topology(name, folder=tmp_path)

    assert "known: small" in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ("", "the file lacks the key 'name'", "correct the file"),
        ('name = "mine"\n', "the file lacks the key 'node'", "correct the file"),
        ("name = \n", "Invalid value", "correct the file"),
        (GOOD.replace("memory_mib", "memory"), "node 1 has no key 'memory'",
         "did you mean 'memory_mib'?"),
        (GOOD.replace("[[node]]", "[[nodes]]"), "the file has no key 'nodes'", "mean 'node'?"),
        (GOOD + "zzz = 1\n", "node 1 has no key 'zzz'", "known keys: address, binary, cluster"),
        (GOOD + "[qemu]\npath = '/q'\n", "qemu has no key 'path'", "known keys: "),
        (GOOD + "[sandbox]\ncpu = 1\n", "sandbox has no key 'cpu'", "mean 'cpus'?"),
        (GOOD.replace("= 2048", '= "2 GiB"'),
         "memory_mib of node 1 must be a whole number, and is a text in quotes",
         "`lab topology schema` describes every key"),
        (GOOD.replace("cpus = 1", "cpus = 1.5"), "and is a number with a point", "correct"),
        (GOOD.replace('"mine"', "3"), "name must be a text in quotes, and is a whole", "correct"),
        (GOOD.replace("[[node]]", "[node]"), "node must be a list, and is a table", "correct"),
        (GOOD.replace("pool", 'role = "x"\npool'), "role of node 1: Invalid enum", "correct"),
        (GOOD.replace("cpus = 1", "cpus = 0"), "node node-1 has 0 cpus", "correct the file"),
        (GOOD.replace('"mine"', '"../mine"'), "'../mine' cannot name machines", "correct"),
        (GOOD + GOOD.partition("\n\n")[2].replace("-1", "-2"), "has 2 nodes", "correct the file"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_named_with_the_key_and_what_was_meant(
    file: Path, text: str, problem: str, remedy: str
) -> None:
    file.write_text(text)

    with pytest.raises(TopologyError) as caught:
        load_topology(str(file))

    assert re.match(rf"{re.escape(str(file))}(:\d+)?: ", caught.value.problem)
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (GOOD.replace("cpus = 1", "cpus = 1.5"), 5),
        (GOOD.replace("memory_mib", "memory"), 6),
        (GOOD.replace("cpus = 1", "cpus = 0"), 3),
        (GOOD + "[sandbox]\ncpus = 0\n", 8),
        (GOOD.replace("= 1", "="), 5),
    ],
)
def test_a_wrong_file_is_named_with_the_line(file: Path, text: str, line: int) -> None:
    file.write_text(text)

    with pytest.raises(TopologyError) as caught:
        load_topology(str(file))

    assert caught.value.problem.startswith(f"{file}:{line}: ")


def test_what_is_no_text_is_a_wrong_file(file: Path) -> None:
    file.write_bytes(b"name = '\xff'\n")

    with pytest.raises(TopologyError, match=r"mine\.toml: .*decode"):
        load_topology(str(file))


def test_what_cannot_be_read_is_a_wrong_file(file: Path) -> None:
    file.mkdir()

    with pytest.raises(TopologyError, match=r"mine\.toml: Is a directory"):
        load_topology(str(file))
