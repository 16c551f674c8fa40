"""Wheel and sdist: the same bytes each time, and all in them that belongs there."""

from __future__ import annotations

import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from lab import __version__
from tests.packaging.conftest import ROOT, Built, build

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

BESIDE = ("scenarios", "topologies")
"""What a checkout has beside the package and the lab needs."""


def files_of(folder: Path) -> set[str]:
    """The files in *folder* that a build takes, by their paths below its parent."""
    return {
        str(path.relative_to(folder.parent))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_same_bytes_twice(built: Built, tmp_path: Path) -> None:
    again = build(ROOT, tmp_path)

    assert again.wheel.read_bytes() == built.wheel.read_bytes()
    assert again.sdist.read_bytes() == built.sdist.read_bytes()


def test_the_same_bytes_from_the_sdist(built: Built, unpacked: Path, tmp_path: Path) -> None:
    again = build(unpacked, tmp_path)

    assert again.wheel.name == built.wheel.name
    assert again.wheel.read_bytes() == built.wheel.read_bytes()
    assert again.sdist.read_bytes() == built.sdist.read_bytes()


def test_the_wheel_has_the_package_and_what_stands_beside_it(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}

    beside = {name for folder in BESIDE for name in files_of(ROOT / folder)}
    beside |= {"conftest.py", "pyproject.toml"}
    assert names == files_of(ROOT / "lab") | {f"lab/share/{name}" for name in beside}


def test_the_sdist_has_what_the_tests_want(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    folders = (*BESIDE, "lab", "docs", "requirements", "tests")
    wanted = {name for folder in folders for name in files_of(ROOT / folder)}
    wanted |= {
        "mkdocs.yml",
        "noxfile.py",
        "run",
        "results/README.md",
        ".ci/run",
        ".github/workflows/nightly.yml",
    }
    assert wanted - names == set()
    assert {name for name in names if name.startswith("results/")} == {"results/README.md"}


def test_both_bear_the_one_version(built: Built) -> None:
    assert built.wheel.name == f"kata_lab-{__version__}-py3-none-any.whl"
    assert built.sdist.name == f"kata_lab-{__version__}.tar.gz"
