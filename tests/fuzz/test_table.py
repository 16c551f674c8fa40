"""The table is whole: a new parser, loader or decoder is a line in it, or fails here."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.fuzz.targets import TARGETS

LAB = Path(__file__).parents[2] / "lab"
READERS = re.compile(r"(parse|load|read|decode|from_json|summarise|select)(_.*|d)?")
"""How a function is called that reads what others have written."""
DECODERS = re.compile(
    r"\b(json\.loads?|json\.decode|toml\.decode|tomllib\.loads?|fromstring|safe_load\w*|pickle|eval)\("
)
"""What only :mod:`lab.decode` calls: its failures are known."""
DOORS = re.compile(r"\b(json_as|toml_as|xml|guarded|tarfile\.open|unpack_from|lzma\.decompress)\(")
"""What marks a module as one that reads."""

BY_HAND = {
    "lab.decode": "it is the door itself",
    "lab.system": "it reads a file of the package, before anything but Python is there",
    "lab.hints": "it reads a file of the package, which tests/test_hints.py checks line by line",
    "lab.host": "its note of a probe is only compared: tests/test_host.py damages it",
    "lab.cluster.artefact_disk": "tests/cluster/test_artefact_disk.py forges its archives",
    "lab.image.oci": "it writes archives",
}
"""Modules that read, and are looked after elsewhere."""
MAY_DECODE = {"lab.decode", "lab.system", "lab.cluster.documents"}
NO_READERS = {
    "lab.cluster.artefacts.loaded.load_artefacts": "it reads by lab.cluster.artefacts.lock.load",
    "lab.extensions.Extension.load": "it imports; tests/test_extensions.py has what is broken",
    "lab.hints.load": "it reads a file of the package",
    "lab.image.rootfs.Rootfs.read": "it is read by lab.image.rootfs.opened",
    "lab.resume.read": "it reads by lab.run.Run.load and lab.owner.Owner.parse",
    "lab.stats.summary.summarise": "it counts",
    "lab.verbs.refusals.Parser.parse_known_args": "it reads the user's own words, by argparse",
    "lab.watch.Watch.read": "it asks, and reads by lab.counted.parse",
}
"""Functions with a reader's name."""


def module_of(path: Path) -> str:
    parts = path.relative_to(LAB.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


MODULES = {module_of(path): path.read_text() for path in sorted(LAB.rglob("*.py"))}
COVERED = {
    f"{each.__module__}.{each.__qualname__}"
    for target in TARGETS
    for each in (target.reader, *target.covers)
}
COVERED_MODULES = {
    each.__module__ for target in TARGETS for each in (target.reader, *target.covers)
}


def readers(module: str) -> list[str]:
    """The public functions of *module*, and of its classes, that have a reader's name."""
    found = []
    for node in ast.parse(MODULES[module]).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        owner = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        found += [
            f"{module}.{owner}{one.name}"
            for one in inner
            if isinstance(one, ast.FunctionDef) and READERS.fullmatch(one.name)
        ]
    return found


def test_every_reader_is_in_the_table() -> None:
    found = {name for module in MODULES for name in readers(module)}

    assert found - COVERED - NO_READERS.keys() == set(), "add a line to tests/fuzz/targets.py"
    assert NO_READERS.keys() <= found, "a name that is no more"


def test_whoever_decodes_is_in_the_table() -> None:
    reading = {module for module, text in MODULES.items() if DOORS.search(text)}

    assert reading - COVERED_MODULES - BY_HAND.keys() == set(), (
        "add a line to tests/fuzz/targets.py"
    )
    assert BY_HAND.keys() <= MODULES.keys(), "a name that is no more"


def test_only_one_module_decodes() -> None:
    decoding = {module for module, text in MODULES.items() if DECODERS.search(text)}

    assert decoding - MAY_DECODE == set(), "use lab.decode"


def test_no_name_is_in_the_table_twice() -> None:
    names = [target.name for target in TARGETS]

    assert len(names) == len(set(names))
