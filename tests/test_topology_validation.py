"""The published schema says of a file what the loader says of it, as far as it knows."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from lab import topology_schema
from lab.loader import load_topology
from lab.places import TOPOLOGIES
from lab.topology import Topology

if TYPE_CHECKING:
    from pathlib import Path

PUBLISHED = TOPOLOGIES / topology_schema.FILE
GALLERY = sorted(TOPOLOGIES.glob("*.toml"))
VALIDATOR = Draft202012Validator(
    json.loads(PUBLISHED.read_text()), format_checker=Draft202012Validator.FORMAT_CHECKER
)
GOOD: dict[str, Any] = {
    "name": "mine",
    "node": [{"name": "node-1", "cpus": 1, "memory_mib": 1024, "pool_gib": 1}],
    "sandbox": {"memory_mib": 192},
    "uri": "qemu+ssh://root@bench.example:2222/system",
}


def changed(path: str, value: object) -> dict[str, Any]:
    """GOOD with *value* at the *path* of keys and numbers."""
    made: Any = json.loads(json.dumps(GOOD))
    *way, last = (int(key) if key.isdigit() else key for key in path.split("/"))
    place = made
    for key in way:
        place = place[key] if isinstance(key, int) else place.setdefault(key, {})
    place[last] = value
    return dict(made)


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_every_topology_of_the_project_validates_and_names_it(path: Path) -> None:
    text = path.read_text()

    assert [error.message for error in VALIDATOR.iter_errors(tomllib.loads(text))] == []
    assert text.splitlines()[0] == f"#:schema ./{topology_schema.FILE}"
    assert load_topology(path.stem).name == path.stem


def loads(data: dict[str, Any]) -> bool:
    try:
        msgspec.convert(data, Topology)
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("zzz", 1),
        ("name", "../mine"),
        ("name", "a" * 64),
        ("name", 1),
        ("node", []),
        ("node/0/cpus", 0),
        ("node/0/cpus", 1.5),
        ("node/0/cpus", "1"),
        ("node/0/memory_mib", 1023),
        ("node/0/pool_gib", 0),
        ("node/0/role", "master"),
        ("node/0/memory", 1024),
        ("node/0/address", "198.18.1"),
        ("cluster", "openshift"),
        ("sandbox/memory_mib", 191),
        ("sandbox/cpus", 0),
        ("qemu/binary", "qemu"),
        ("qemu/binary", "/usr/../qemu"),
        ("qemu/path", "/qemu"),
        ("virtiofsd", {}),
        ("data_network", {}),
        ("uri", "qemu+tcp://bench/system"),
    ],
)
def test_what_the_loader_refuses_of_one_key_the_schema_refuses(path: str, value: object) -> None:
    bad = changed(path, value)

    assert VALIDATOR.is_valid(GOOD)
    assert loads(GOOD)
    assert not loads(bad)
    assert not VALIDATOR.is_valid(bad)


@pytest.mark.parametrize(
    ("path", "value"),
    [("name", "a" * 63), ("sandbox", {"cpus": 2, "memory_mib": 512}), ("cluster", "none"),
     ("qemu/binary", "/opt/qemu-9.2/bin/qemu"), ("uri", "qemu:///session")],
)  # fmt: skip
def test_what_the_schema_lets_through_the_loader_does(path: str, value: object) -> None:
    good = changed(path, value)

    assert VALIDATOR.is_valid(good)
    assert loads(good)
