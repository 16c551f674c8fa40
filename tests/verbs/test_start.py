"""What only tells something answers at once: it does not import what takes its time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fake_run import FakeRun

HEAVY = {"jinja2", "libvirt", "numpy", "pytest", "scipy", "testinfra"}
TELLING = (
    "--help",
    "matrix --help",
    "down",
    "explain tcfilter+virtiofs+reference",
    "history",
    "shell node-1",
    "status",
    "verify",
    "completion --names runs",
    "logs",
    "topology",
    "topology check embedded",
    "topology show k8s-calico-kata",
)
"""Verbs that compute (compare, plan, report) or ask libvirt (doctor, gc) are not among them."""
ROOT = Path(__file__).parents[2]
SCRIPT = """
import json, sys
from lab.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
sys.stderr.write("\\n" + json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run in it that the history knows of."""
    place = tmp_path_factory.mktemp("telling")
    FakeRun().write(place / "results")
    imported(place, "history")
    return place


def imported(place: Path, line: str) -> set[str]:
    """The packages that a verb has imported by its end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LAB_HOME": str(place / "home")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *line.split()],
        cwd=place,
        env=environment,
        capture_output=True,
        check=True,
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.program
@pytest.mark.parametrize("line", TELLING)
def test_it_imports_nothing_that_takes_its_time(line: str, place: Path) -> None:
    assert imported(place, line) & HEAVY == set()
