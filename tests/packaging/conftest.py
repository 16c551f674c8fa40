"""What the project's own build makes, and an environment that the wheel of it is installed in."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EPOCH = os.environ.get("SOURCE_DATE_EPOCH", "1700000000")
"""`nox -s package` gives the time of the last commit."""
SECRETS_OF_PYTHON = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Built:
    """What one build has left."""

    wheel: Path
    sdist: Path


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment with the wheel in it, and a folder of a user's."""

    programs: Path
    home: Path

    def run(self, program: str, *arguments: str, status: int = 0) -> str:
        """What a program of the environment prints, started in the user's folder."""
        bare = {name: text for name, text in os.environ.items() if name not in SECRETS_OF_PYTHON}
        done = subprocess.run(
            [self.programs / program, *arguments],
            cwd=self.home,
            env={**bare, "LAB_HOME": str(self.home / "state")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout


def build(source: Path, into: Path) -> Built:
    """Build wheel and sdist of *source*."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", into],
        cwd=source,
        env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH},
        capture_output=True,
        check=True,
    )
    (wheel,), (sdist,) = into.glob("*.whl"), into.glob("*.tar.gz")
    return Built(wheel, sdist)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Of the checkout."""
    return build(ROOT, tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="session")
def unpacked(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, unpacked: another path, other times, no git."""
    place = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(built.sdist) as archive:
        archive.extractall(place, filter="data")
    (source,) = place.iterdir()
    return source


@pytest.fixture(scope="session")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """
    A new environment with the wheel in it, by pip.

    What the lab depends on is lent by the environment of the tests: it is pinned, and here already.
    """
    place = tmp_path_factory.mktemp("environment")
    venv.create(place / "env", symlinks=True)
    python = place / "env" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet")
    subprocess.run([*pip, "--no-index", "--no-deps", str(built.wheel)], check=True)
    (packages,) = (place / "env").glob("lib/python*/site-packages")
    # A .pth file lends packages, and not what other .pth files there lead to: the checkout.
    lent = sysconfig.get_path("purelib")
    (packages / "lent.pth").write_text(f"{lent}\n", encoding="utf-8")
    (place / "home").mkdir()
    return Installed(python.parent, place / "home")
