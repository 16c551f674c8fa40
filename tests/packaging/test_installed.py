"""The lab as `pip install` leaves it, in a folder that is no checkout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab import __version__, source
from tests.fake_run import FakeRun
from tests.packaging.conftest import ROOT

if TYPE_CHECKING:
    from tests.packaging.conftest import Installed

pytestmark = pytest.mark.slow


def test_it_says_its_version_and_that_its_code_is_the_checkouts(installed: Installed) -> None:
    assert installed.run("lab", "--version") == f"lab {__version__} (code {source.digest()})\n"


def test_its_topologies_are_its_own(installed: Installed) -> None:
    names = installed.run("lab", "completion", "--names", "topologies").split()

    assert names == sorted(path.stem for path in (ROOT / "topologies").glob("*.toml"))


def test_it_plans(installed: Installed) -> None:
    options = ("--accel", "tcg", "--cells", "macvtap+virtiofs+reference", "--seed", "1", "--json")
    plan = json.loads(installed.run("lab", "plan", *options))

    assert plan


def test_it_writes_reports_of_runs_in_the_folder_of_its_user(installed: Installed) -> None:
    FakeRun().write(installed.home / "results")

    page = Path(installed.run("lab", "report").strip())

    assert page.parents[1] == installed.home / "results"
    assert "<html" in page.read_text(encoding="utf-8")


def test_pytest_collects_its_scenarios(installed: Installed) -> None:
    folder = installed.run("lab", "scenarios").strip()
    chosen = ("--topology", "embedded", "-k", "macvtap and parity", "--profile", "smoke")

    said = installed.run("python", "-m", "pytest", folder, "--collect-only", "-q", *chosen)

    assert str(ROOT) not in folder
    ids = [line for line in said.splitlines() if "::" in line]
    assert ids
    assert all(each.startswith("scenarios/network/test_parity.py::") for each in ids)
    assert list(installed.home.glob("state/*")) == []
