"""The house stands: imports point down only, and each border has its keepers."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

LAB = Path(__file__).parents[1] / "lab"
LAYERS = """
    cli
    verbs
    campaign nightly conformance doctor explain pytest_plugin fixtures
    report
    measure session looks
    preview forecast shape
    acceptance again analysis bench comparability compare environment gc history launch merge \
    resume screen status trial
    diagnosis provider this_machine inside consoles pause
    cluster prepare node_scripts provision takedown inventory audit remainder runtime \
    store run
    machine labs disks frozen wires watch server
    host image node virt network storage tools ledger scratch lease noise counted cost processes \
    questions stopwatch system handicap source scenario_places run_files
    topology topology_schema elsewhere toml_lines matrix axis outcome expectations hints judgement \
    posix faults sample stats contamination gates plan planning design controls shards repeats \
    loader records options profile
    command wait files owner interrupt together
    errors units decode names redact text docstrings places ports extensions
"""
LEVEL = {room: level for level, rooms in enumerate(LAYERS.splitlines()) for room in rooms.split()}
KEEPERS = {
    "subprocess": {"command"},
    "time.sleep": {"wait"},
    "libvirt": {"virt"},
    "testinfra": {"questions"},
    "pytest": {"pytest_plugin", "fixtures", "session", "campaign"},
}
NEEDS_LIBVIRT = {
    "virt", "frozen", "provision", "takedown", "inventory", "audit", "gc", "status", "prepare",
    "launch", "campaign", "conformance", "nightly", "resume", "this_machine",
}  # fmt: skip
MODULES = {path: path.relative_to(LAB).with_suffix("").parts for path in sorted(LAB.rglob("*.py"))}
ROOMS = {parts[0] for parts in MODULES.values()} - {"__init__"}


def names(node: ast.AST) -> Iterator[str]:
    """Every dotted name that runs under *node*; what only a type checker reads is left out."""
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return
        case ast.Import():
            yield from (alias.name for alias in node.names)
        case ast.ImportFrom():
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        case ast.Attribute(value=ast.Name(id=owner)):
            yield f"{owner}.{node.attr}"
    for child in ast.iter_child_nodes(node):
        yield from names(child)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(LAB)))
def test_imports_keep_to_the_layers(path: Path) -> None:
    room = MODULES[path][0]
    used = set(names(ast.parse(path.read_text())))

    rooms = {name.split(".")[1] for name in used if name.startswith("lab.")} & LEVEL.keys()
    assert not {other for other in rooms if LEVEL[other] < LEVEL.get(room, 0)}, "above this one"
    crossed = {border for border in KEEPERS for name in used if f"{name}.".startswith(f"{border}.")}
    assert not {border for border in crossed if room not in KEEPERS[border]}, "not its keeper"


def test_every_room_has_a_layer() -> None:
    assert not ROOMS - LEVEL.keys()


@pytest.mark.program
def test_the_package_is_imported_without_libvirt() -> None:
    modules = [
        ".".join(("lab", *parts)).removesuffix(".__init__")
        for parts in MODULES.values()
        if parts[0] not in NEEDS_LIBVIRT
    ]
    blocked = "import importlib, sys; sys.modules['libvirt'] = None; "
    script = blocked + "[importlib.import_module(name) for name in sys.argv[1:]]"

    done = subprocess.run(
        [sys.executable, "-c", script, *modules], cwd=LAB.parent, capture_output=True, check=False
    )

    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.program
def test_what_only_tells_something_does_not_wait_for_scipy() -> None:
    """It takes as long to import as everything else together."""
    script = "import sys, lab.cli, lab.report; sys.exit('scipy' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", script], cwd=LAB.parent, check=False)

    assert done.returncode == 0
