"""The project's menu: `nox -l` lists it. ./run does the same where there is no nox yet."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import nox
from nox.command import CommandFailed

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))  # lab.system wants nothing but the standard library

from lab import system  # noqa: E402 - see above
from lab.errors import LabError  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"

REQUIREMENTS = Path("requirements")
LOCKS = {
    "run": ["pyproject.toml"],
    "dev": ["pyproject.toml", "--group", "dev"],
    "browser": ["pyproject.toml", "--group", "browser"],
    "build": ["--group", "build"],
    "docs": ["--group", "docs"],
    "nox": ["--group", "nox"],
    "lock": ["--group", "lock"],
}
"""What is pinned in requirements/, and what `uv pip compile` makes each file from."""

USAGE_STATUS = 2
BENCH_FAILED_STATUS = 3
REGRESSED_STATUS = 4
MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a folder there for each user
SCRATCH_BYTES = 1 << 30
CLEANUP_S = 120.0
"""How long Ctrl-C waits for the lab to take down what it has put up."""


@nox.session(requires=["dev"], venv_backend="none")
def lint(session: nox.Session) -> None:
    """Check format and style with ruff."""
    python = _python(session, "dev")
    session.run(python, "-m", "ruff", "format", "--check", *session.posargs)
    session.run(python, "-m", "ruff", "check", *session.posargs)


@nox.session(requires=["dev"], venv_backend="none")
def types(session: nox.Session) -> None:
    """Check types with mypy."""
    session.run(_python(session, "dev"), "-m", "mypy", *session.posargs)


@nox.session(requires=["dev"], venv_backend="none")
def tests(session: nox.Session) -> None:
    """Run the unit tests, a process per core: no root, no network, no libvirt daemon."""
    spread = ("-n", "auto", "--dist", "loadfile")
    python = _python(session, "dev")
    session.run(python, "-m", "pytest", *spread, *session.posargs, env=_scratch())


@nox.session(requires=["dev"], venv_backend="none")
def programs(session: nox.Session) -> None:
    """Run the tests which start the lab in processes of its own: needs no more than the others."""
    spread = ("-m", "program", "-n", "auto", "--dist", "worksteal")
    session.run(_python(session, "dev"), "-m", "pytest", *spread, *session.posargs)


@nox.session(default=False)
def browser(session: nox.Session) -> None:
    """Test the report in a headless Chromium, and keep pictures of it to look at."""
    _make(session, "browser", system.browser_needs())
    pictures = Path(session.virtualenv.location) / "pictures"
    end_what_hangs = ("-o", "faulthandler_timeout=120", "-o", "faulthandler_exit_on_timeout=true")
    session.run(
        *("python", "-m", "pytest", "tests/report/browser", *end_what_hangs, *session.posargs),
        env={"LAB_PICTURES": str(pictures)},
    )
    session.log(f"pictures of the report are in {pictures}")


@nox.session(requires=["run"], venv_backend="none", default=False)
def matrix(session: nox.Session) -> None:
    """Measure every cell on a node of this machine; ARGS go to `lab matrix`."""
    _lab(session, "matrix")


@nox.session(requires=["run"], venv_backend="none", default=False)
def nightly(session: nox.Session) -> None:
    """Measure, screen against the nights before, confirm; ARGS go to `lab nightly`."""
    _lab(session, "nightly")


@nox.session(requires=["run"], venv_backend="none", default=False)
def conformance(session: nox.Session) -> None:
    """Run upstream's own tests against each handler; ARGS go to `lab conformance`."""
    _lab(session, "conformance")


@nox.session(requires=["run"], venv_backend="none", default=False)
def doctor(session: nox.Session) -> None:
    """Say what this machine offers and what it lacks."""
    _lab(session, "doctor")


@nox.session(requires=["run"], venv_backend="none", default=False)
def reproducible(session: nox.Session) -> None:
    """Build every image twice from its lock and compare them, bit for bit."""
    # Other tests want what only the other environment has.
    session.run(
        _python(session, "run"), "-m", "pytest", "-m", "slow", "tests/image", *session.posargs
    )


@nox.session(requires=["dev"], default=False)
def docs(session: nox.Session) -> None:
    """Make a site of docs/, in site/; `-- --write` makes those pages first that the code makes."""
    python = _python(session, "dev")
    if "--write" in session.posargs:
        root = {"PYTHONPATH": str(ROOT)}
        session.run(python, "-m", "tests.reference", env=root, external=True)
    session.install("--require-hashes", "-r", str(REQUIREMENTS / "docs.txt"))
    session.run("mkdocs", "build", "--strict", "--clean", "--site-dir", "site")
    tests = ("tests/reference", "tests/docs", "-m", "slow or not slow")
    session.run(python, "-m", "pytest", *tests, env={"LAB_SITE": str(ROOT / "site")}, external=True)


@nox.session(requires=["dev"], venv_backend="none", default=False)
def tutorial(session: nox.Session) -> None:
    """
    Type docs/tutorial.md into a shell, in a fresh clone of HEAD, and compare what is printed.

    `-- --record` writes it to the page instead; with --quick no node is booted.
    """
    root = {"PYTHONPATH": str(ROOT)}
    session.run(_python(session, "dev"), "-m", "tests.tutorial", *session.posargs, env=root)


@nox.session(requires=["dev"], venv_backend="none", default=False)
def package(session: nox.Session) -> None:
    """Build wheel and sdist into dist/, the same bytes each time, and try the wheel elsewhere."""
    python = _python(session, "dev")
    time = session.run("git", "log", "-1", "--format=%ct", silent=True, external=True)
    env = {"SOURCE_DATE_EPOCH": str(time).strip()}
    session.run(python, "-m", "pytest", "-m", "slow", "tests/packaging", *session.posargs, env=env)
    session.run(python, "-m", "hatchling", "build", "-d", "dist", env=env)


@nox.session(requires=["dev"], venv_backend="none", default=False)
def statistics(session: nox.Session) -> None:
    """Simulate how often the lab is wrong, and write docs/statistics.md."""
    session.run(
        *(_python(session, "dev"), "-m", "pytest", "-m", "simulation", "tests/simulations"),
        *session.posargs,
        env={"LAB_WRITE_STATISTICS": "1"},
    )


@nox.session(requires=["dev"], venv_backend="none", default=False)
def fuzz(session: nox.Session) -> None:
    """Feed every parser and loader with damaged input, LAB_FUZZ_EXAMPLES (2000) times each."""
    tests = ("tests/fuzz", *session.posargs)
    session.run(_python(session, "dev"), "-m", "pytest", "-m", "slow", *tests)


@nox.session(requires=["dev"], venv_backend="none", default=False)
def chaos(session: nox.Session) -> None:
    """
    Play a thousand stories of faults on a machine that is only played; write docs/reliability.md.

    `-- --real` lets real nodes on this machine die instead, one fault after the other; with
    `--places` the lab is killed there, at each point of a run.
    """
    python, root = _python(session, "dev"), {"PYTHONPATH": str(ROOT)}
    if "--real" in session.posargs:
        session.run(python, "-m", "tests.chaos.real", *session.posargs[1:], env=root)
        return
    session.run(python, "-m", "tests.chaos", "--each", "--write", *session.posargs, env=root)


@nox.session(default=False)
def lock(session: nox.Session) -> None:
    """Pin requirements/*.txt again; `-- --upgrade` moves to the newest versions."""
    session.install("--require-hashes", "-r", str(REQUIREMENTS / "lock.txt"))
    for name, sources in LOCKS.items():
        session.run(
            *("uv", "pip", "compile", "--quiet", "--system-certs"),
            *("--universal", "--python-version", "3.11"),
            *("--generate-hashes", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"),
            *("--custom-compile-command", "nox -s lock"),
            *("--output-file", str(REQUIREMENTS / f"{name}.txt"), *sources, *session.posargs),
        )


@nox.session(default=False)
def run(session: nox.Session) -> None:
    """Make the environment that the lab runs in."""
    _make(session, "run", system.bench_needs(user_is_root=os.geteuid() == 0))


@nox.session(default=False)
def dev(session: nox.Session) -> None:
    """Make the environment that the lab is checked in."""
    _make(session, "dev", system.environment_needs())


def _make(session: nox.Session, name: str, needs: Iterable[system.Need]) -> None:
    """Install what *name* pins, after what that needs, unless it is what stands there."""
    try:
        system.ensure(needs, say=session.log)
    except LabError as error:
        _stop(str(error), USAGE_STATUS)
    pinned = REQUIREMENTS / f"{name}.txt"
    build = REQUIREMENTS / "build.txt"
    wanted = _digest(pinned, build, Path("pyproject.toml"))
    stamp = Path(session.virtualenv.location) / "stamp"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    session.install("--require-hashes", "-r", str(build))
    session.install("--require-hashes", "--no-build-isolation", "-r", str(pinned))
    session.install("--no-deps", "--no-build-isolation", "--editable", ".")
    stamp.write_text(wanted, encoding="utf-8")


def _scratch() -> dict[str, str]:
    """Let tests write into memory, where there is room: they make ten thousands of small files."""
    is_usable = (
        MEMORY.is_dir()
        and os.access(MEMORY, os.W_OK)
        and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC
        and shutil.disk_usage(MEMORY).free > SCRATCH_BYTES
    )
    return {"TMPDIR": str(MEMORY)} if is_usable else {}


def _digest(*files: Path) -> str:
    """Name an environment by what was put in, and by where the checkout is, which it points to."""
    digest = hashlib.sha256(str(ROOT).encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _python(session: nox.Session, name: str) -> Path:
    """The interpreter of the environment that session *name* has made."""
    return session.cache_dir.parent / name / "bin" / "python"


def _lab(session: nox.Session, verb: str) -> None:
    """Run a verb of the console command; that the command line is wrong stays status 2."""
    program = _python(session, "run").with_name("lab")
    try:
        session.run(program, verb, *session.posargs, interrupt_timeout=CLEANUP_S)
    except CommandFailed as failure:
        if failure.return_code in (USAGE_STATUS, BENCH_FAILED_STATUS, REGRESSED_STATUS):
            raise SystemExit(failure.return_code) from None
        raise


def _stop(message: str, status: int) -> NoReturn:
    """End nox itself, before any session does anything."""
    sys.stderr.write(f"{message}\n")
    raise SystemExit(status)
