from __future__ import annotations

import re
from inspect import getdoc
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.cluster.kata import RELEASES
from lab.errors import ExpectationError
from lab.expectations import (
    EXPECTATIONS_FILE,
    Expect,
    Expectation,
    Expectations,
    Expected,
    load,
)
from lab.matrix import ALL_CELLS, CONTROLS, KATA, Cell, Runtime, cells_of
from lab.network import MODELS
from lab.runtime.evidence import qemu_facts
from lab.storage import BACKENDS, virtiofs_dax
from tests.evidence import captured

if TYPE_CHECKING:
    from collections.abc import Mapping

PINNED = {release.runtime: release.version for release in reversed(RELEASES)}
ASKED = Path(__file__).parent / "data" / "evidence" / "qemu-7.2.22-vhost-user-fs-pci.txt"

LINE = """\
[[expectation]]
runtime = "kata-go"
network = ["none"]
expect = "works"
source = "somewhere"
"""


def expected(cell: str, version: str | None = None) -> Expected:
    parsed = Cell.parse(cell)
    return load().of(parsed, version=version or PINNED.get(parsed.runtime))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.toml"


@pytest.mark.parametrize("cell", ALL_CELLS, ids=str)
def test_something_is_expected_of_every_cell(cell: Cell) -> None:
    assert expected(str(cell)).source


@pytest.mark.parametrize("cell", cells_of(CONTROLS), ids=str)
def test_the_controls_work_but_for_the_window_that_no_qemu_has(cell: Cell) -> None:
    is_dax = cell.storage == "virtiofs-dax"

    assert expected(str(cell)).expect is (Expect.FAILS if is_dax else Expect.WORKS)


def test_the_default_matrix_of_kata_is_as_upstreams_source_says() -> None:
    """kata.md, 1.8 and 3.6."""
    works = {str(cell) for cell in cells_of(KATA) if expected(str(cell)).expect is Expect.WORKS}

    assert works == {
        *(
            f"{network}+{storage}+kata-go"
            for network in ("tcfilter", "macvtap")
            for storage in ("virtiofs", "9p", "devmapper", "devmapper-blk")
        ),
        *(
            f"{network}+{storage}+kata-rs"
            for network in ("tcfilter", "l3forwarding")
            for storage in ("virtiofs", "devmapper", "devmapper-blk")
        ),
    }


@pytest.mark.parametrize(
    ("cell", "version", "expect"),
    [
        ("tcfilter+9p+kata-go", "3.28.0", Expect.WORKS),
        ("tcfilter+9p+kata-go", "3.28.1", Expect.WORKS),
        ("tcfilter+9p+kata-go", "3.29.0", Expect.FAILS),
        ("tcfilter+9p+kata-go", "4.1.0", Expect.FAILS),
        ("l3forwarding+virtiofs+kata-rs", "4.0.0", Expect.FAILS),
        ("l3forwarding+virtiofs+kata-rs", "4.10.0", Expect.WORKS),
    ],
)
def test_versions_differ(cell: str, version: str, expect: Expect) -> None:
    assert expected(cell, version).expect is expect


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("none+virtiofs+kata-go", "failed to create shim task: Invalid internetworking model"),
        ("bridge+virtiofs+kata-go", "Unknown type bridged"),
        (
            "tcfilter+virtiofs-dax+kata-go",
            "-device vhost-user-fs-pci: Property 'vhost-user-fs-pci.cache-size' not found",
        ),
        (
            "bridge+virtiofs+kata-rs",
            "Invalid internetworking_model `bridged` in configuration file",
        ),
        ("tcfilter+9p+kata-rs", "Invalid shared_fs type virtio-9p"),
        ("tcfilter+pmem-dax+kata-rs", "Device 'virtio-pmem' can't go on PCI bus"),
        ("tcfilter+pmem-dax+kata-rs", "block driver virtio-pmem has not been implemented yet"),
    ],
)
def test_the_texts_are_found_in_what_the_programs_say(cell: str, text: str) -> None:
    """QEMU's are its own, of 7.2; Kata's are read from its source."""
    assert any(re.search(pattern, text) for pattern in expected(cell).texts)


@pytest.mark.parametrize(
    "said",
    [
        'vm_rootfs_driver: "virtio-pmem", block_device_driver: "virtio-pmem"',
        "-machine q35,accel=kvm,nvdimm=on -device nvdimm,id=nv0,memdev=mem0",
    ],
)
@pytest.mark.parametrize("runtime", KATA)
def test_a_log_of_the_configuration_is_no_failure(said: str, runtime: str) -> None:
    assert not any(re.search(text, said) for text in expected(f"tcfilter+pmem-dax+{runtime}").texts)


def test_what_the_bench_says_of_its_own_qemu_is_what_is_expected() -> None:
    answers = {
        virtiofs_dax.QEMU_ASKED: ASKED.read_text(),
        virtiofs_dax.DAEMON_ASKED: "virtiofsd 1.13.0",
    }

    (text,) = expected("tcfilter+virtiofs-dax+reference").texts
    assert re.search(text, virtiofs_dax.support(answers).reason)


@pytest.mark.parametrize(
    ("cell", "answered"),
    [
        ("macvtap+virtiofs+kata-rs", "macvtap+devmapper+reference"),
        ("none+virtiofs+kata-rs", "none+devmapper+reference"),
        ("tcfilter+virtiofs-dax+kata-rs", "tcfilter+virtiofs+reference"),
    ],
)
def test_contradicted_facts_are_facts_that_the_evidence_has(cell: str, answered: str) -> None:
    """A subject that is spelt otherwise would never be seen."""
    network, storage = Cell.parse(cell).network, Cell.parse(cell).storage
    kept = captured(answered)

    facts = (
        *qemu_facts(kept.pod, kept.answers),
        *MODELS[network].facts(kept.pod, kept.answers),
        *(BACKENDS[storage].facts(kept.volume, kept.answers) if "dax" in storage else ()),
    )

    assert expected(cell).contradicted <= {fact.subject for fact in facts}


def test_a_line_about_both_axes_stands_instead_of_two(file: Path) -> None:
    both = LINE.replace("works", "fails") + 'storage = ["9p"]\ntext = "boom"\n'
    file.write_text(LINE + LINE.replace("network", "storage").replace("none", "9p") + both)

    assert load(file).of(Cell.parse("none+9p+kata-go"), version="4.1.0").texts == ("boom",)


def test_the_gravest_line_counts_and_texts_add_up() -> None:
    none = expected("none+virtiofs-dax+kata-go")
    rs = expected("macvtap+virtiofs-dax+kata-rs")

    assert none.expect is Expect.FAILS
    assert len(none.texts) == 2
    assert rs.expect is Expect.NOT_IN_EFFECT
    assert {"DAX", "kind of tap0_kata"} < rs.contradicted
    assert not rs.connects


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (LINE, "no expectations are about the storage 9p of kata-go 4.1.0"),
        (LINE * 2, "2 expectations are about the network none of kata-go 4.1.0"),
        (LINE + 'before = "4.1.0"\n', "no expectations are about the network none"),
        ("expectation = []\n", "no expectations are about the network none"),
    ],
)
def test_what_is_not_said_once_is_an_error(file: Path, text: str, problem: str) -> None:
    file.write_text(text)

    with pytest.raises(ExpectationError, match=problem) as caught:
        load(file).of(Cell.parse("none+9p+kata-go"), version="4.1.0")

    assert "lab/expectations.toml" in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "missing required field `expectation`"),
        ("[[expectation]\n", "mine.toml: "),
        (LINE + "networks = []\n", "unknown field `networks`"),
        (LINE.replace("kata-go", "kata-c"), "Invalid enum value 'kata-c'"),
        (LINE.replace("none", "nome"), "Invalid enum value 'nome'"),
        (LINE.replace("works", "fails"), "a text belongs to fails"),
        (LINE + 'text = "boom"\n', "a text belongs to fails"),
        (LINE.replace("works", "fails") + 'text = ""\n', "length >= 1"),
        (LINE.replace("works", "fails") + 'text = "("\n', "no regular expression"),
        (LINE.replace("works", "not-in-effect"), "belong to not-in-effect"),
        (LINE + "connects = false\n", "belong to not-in-effect"),
        (LINE + 'contradicted = ["DAX"]\n', "belong to not-in-effect"),
        (LINE.replace("somewhere", ""), "length >= 1"),
        (LINE.replace("source", "remark"), "unknown field `remark`"),
        (LINE.replace('network = ["none"]\n', ""), "name a network or a storage"),
        (LINE + 'since = "4"\n', "regex"),
        (LINE + 'since = "4.1.0"\nbefore = "4.1.0"\n', "since is not earlier than before"),
        (LINE.replace("kata-go", "runc") + 'since = "1.3.0"\n', "only Kata has versions"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(file: Path, text: str, problem: str) -> None:
    file.write_text(text)

    with pytest.raises(ExpectationError) as caught:
        load(file)

    assert caught.value.problem.startswith(f"{file}: ")
    assert problem in caught.value.problem


def test_a_missing_file_is_said_so(file: Path) -> None:
    with pytest.raises(ExpectationError, match="No such file"):
        load(file)


def test_the_file_says_of_each_line_where_it_is_from() -> None:
    lines = load().lines

    assert isinstance(load(), Expectations)
    assert EXPECTATIONS_FILE.read_text().count("[[expectation]]") == len(lines)
    assert all(len(line.source) > 10 for line in lines)


NAMED = re.compile(r"[\w-]+\.(?:go|md|toml)|[a-z]+[A-Z]\w+|#\d+|[0-9a-f]{10}|virtio-blk|\"[^\"]+\"")
"""What a source names: files, functions, changes, options, and what is quoted."""


@pytest.mark.parametrize(
    "line",
    [each for each in load().lines if each.runtime is Runtime.REFERENCE],
    ids=lambda line: "+".join(line.network + line.storage),
)
def test_the_bare_data_path_has_the_sources_that_its_modules_name(line: Expectation) -> None:
    (name,) = map(str, line.network + line.storage)
    registry: Mapping[str, object] = MODELS if line.network else BACKENDS
    told = " ".join((getdoc(registry[name]) or "").split())
    named = NAMED.findall(line.source)

    if line.expect is Expect.WORKS:
        assert named
        assert [each for each in named if each.strip('".') not in told] == []
