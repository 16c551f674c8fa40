"""A distribution as pip would have it: its package in a folder of its own, beside its metadata."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "docs/examples/own-backend"


def install(source: Path, site: Path) -> None:
    """
    Install the project in the folder *source* into the folder *site*.

    What pip would write there besides is asked by nobody here: entry points are read from
    ``entry_points.txt``, name and version from ``METADATA`` (packaging.python.org, "Recording
    installed projects" and "Entry points specification").
    """
    project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
    package = project["name"].replace("-", "_")
    shutil.copytree(source / package, site / package)
    declare(site, project["name"], project["version"], project["entry-points"])


def declare(site: Path, name: str, version: str, groups: dict[str, dict[str, str]]) -> None:
    """Write the metadata alone of a distribution into the folder *site*."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (info / "METADATA").write_text(head)
    sections = (
        "\n".join((f"[{group}]", *(f"{key} = {value}" for key, value in points.items()), ""))
        for group, points in groups.items()
    )
    (info / "entry_points.txt").write_text("\n".join(sections))


def python(
    site: Path, *arguments: str, cwd: Path, text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a Python that has the lab and what is installed in *site*."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(site))),
        "LAB_HOME": str(cwd / "home"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
