"""`lab topology`: what there is, what is wrong with a file and where, what it comes to."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import pytest

from lab.cli import main
from lab.places import TOPOLOGIES

if TYPE_CHECKING:
    from pathlib import Path

Out = pytest.CaptureFixture[str]
BAD = """\
name = "mine"

[[node]]
name = "node-1"
cpus = 1
memory = 2048
pool_gib = 4
"""


@pytest.mark.parametrize("verb", [["topology"], ["topology", "list"]])
def test_every_topology_is_listed_with_what_it_is_for(verb: list[str], capsys: Out) -> None:
    assert main(verb) == 0

    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines if not line.startswith(" ")} == {
        path.stem for path in TOPOLOGIES.glob("*.toml")
    }
    assert max(map(len, lines)) <= 80
    assert "The embedded bench on a machine kept for measuring" in "\n".join(lines)


def test_right_and_wrong_files_are_told_apart_and_the_wrong_with_line_and_remedy(
    tmp_path: Path, capsys: Out
) -> None:
    (tmp_path / "bad.toml").write_text(BAD)
    known = "embedded, k8s-calico-kata, k8s-calico-workers, k8s-single, remote"

    assert main(["topology", "check", f"{tmp_path}/bad.toml", "embedded", "embedde"]) == 2

    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path}/bad.toml:6: node 1 has no key 'memory'",
        "  remedy: did you mean 'memory_mib'?",
        "embedded: right: embedded, 1 node, 4096 MiB",
        f"there is no topology 'embedde' in {TOPOLOGIES}",
        f"  remedy: did you mean 'embedded'? known: {known}, or give the path of a .toml file",
    ]


def test_a_file_that_is_not_there_is_called_a_file(tmp_path: Path, capsys: Out) -> None:
    assert main(["topology", "check", f"{tmp_path}/embeded.toml"]) == 2

    problem, remedy = capsys.readouterr().out.splitlines()
    assert problem == f"there is no file {tmp_path}/embeded.toml"
    assert "did you mean 'embedded'?" in remedy


def test_the_whole_gallery_is_right(capsys: Out) -> None:
    assert main(["topology", "check", *map(str, TOPOLOGIES.glob("*.toml"))]) == 0
    assert capsys.readouterr().out.count(": right: ") == len(list(TOPOLOGIES.glob("*.toml")))


def test_addresses_are_shown_that_no_file_says(capsys: Out) -> None:
    assert main(["topology", "show", "k8s-calico-workers", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)

    written = tomllib.loads((TOPOLOGIES / "k8s-calico-workers.toml").read_text())
    assert not [node for node in written["node"] if "address" in node]
    assert [(node["name"], node["address"], node["mac"]) for node in shown["nodes"]] == [
        ("control-1", "198.18.1.1", "52:54:00:6b:00:01"),
        ("worker-1", "198.18.1.2", "52:54:00:6b:00:02"),
        ("worker-2", "198.18.1.3", "52:54:00:6b:00:03"),
    ]
    assert [(wire["from"], wire["to"], wire["to_mac"]) for wire in shown["wires"]] == [
        ("control-1", "worker-1", "52:54:00:6b:01:02"),
        ("control-1", "worker-2", "52:54:00:6b:02:02"),
    ]
    assert shown["measured"] == "worker-1"


@pytest.mark.parametrize("path", sorted(TOPOLOGIES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_topology_is_shown_in_eighty_columns(path: Path, capsys: Out) -> None:
    assert main(["topology", "show", path.stem]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith(f"{path.stem}: ")


def test_a_file_without_a_comment_is_shown_without_a_purpose(tmp_path: Path, capsys: Out) -> None:
    (tmp_path / "mine.toml").write_text(BAD.replace("memory", "memory_mib"))

    assert main(["topology", "show", f"{tmp_path}/mine.toml"]) == 0
    assert capsys.readouterr().out.startswith("cluster   none\n")


def test_the_schema_is_printed_as_it_is_published(capsys: Out) -> None:
    assert main(["topology", "schema"]) == 0
    assert capsys.readouterr().out == (TOPOLOGIES / "topology.schema.json").read_text()
