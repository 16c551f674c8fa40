"""mmdebstrap, played by a script: how it is called, and what its failures are called."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from lab.errors import CommandError, ImageError, NotReadyError
from lab.image import mmdebstrap

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory in the search path, for a program called mmdebstrap."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    return tmp_path


def mmdebstrap_is(directory: Path, script: str) -> None:
    path = directory / "mmdebstrap"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def make(directory: Path, *, timeout_s: float = 10.0) -> None:
    with mmdebstrap.making(
        directory / "repository",
        directory / "out.tar",
        variant="extract",
        include=["bash", "dash"],
        options=["--dpkgopt=x"],
        epoch=86_400,
    ) as run:
        run.finish(timeout_s=timeout_s)


def test_a_system_is_made_from_the_repository_alone(play: Path) -> None:
    mmdebstrap_is(play, f'printf "%s\\n" "$@" $SOURCE_DATE_EPOCH >{play}/said')

    make(play)

    assert (play / "said").read_text().splitlines() == [
        *("--variant=extract", "--format=tar", "--include=bash,dash"),
        *("--dpkgopt=force-unsafe-io", "--dpkgopt=x", "trixie", str(play / "out.tar")),
        f"deb [trusted=yes] copy://{play}/repository trixie main",
        "86400",
    ]


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("tar: x: Cannot write: No space left on device", "the disk is full"),
        ("E: You don't have enough free space in /tmp/x/archives/.", "the disk is full"),
        ("E: apt-get update -oAPT::Status-Fd=<$fd> failed: E: x", "no Debian mirror"),
        ("E: Failed to fetch x  Could not connect to x:80", "no Debian mirror"),
    ],
)
def test_usual_failures_are_called_by_their_names(play: Path, said: str, problem: str) -> None:
    mmdebstrap_is(play, f"echo {shlex.quote(said)} >&2; exit 1")

    with pytest.raises(ImageError, match=problem):
        make(play)


def test_any_other_failure_shows_what_was_said(play: Path) -> None:
    mmdebstrap_is(play, "echo 'E: dpkg was unhappy' >&2; exit 25")

    with pytest.raises(CommandError, match="status 25") as caught:
        make(play)

    assert "dpkg was unhappy" in caught.value.completed.stderr


def test_deadline_ends_it_and_lets_it_clean_up(play: Path) -> None:
    mmdebstrap_is(play, f"trap 'echo gone >{play}/cleaned; exit 1' TERM\nsleep 60 & wait")

    with pytest.raises(NotReadyError):
        make(play, timeout_s=0.5)

    assert (play / "cleaned").exists()


def test_configured_mirror_is_the_one_that_is_asked(
    play: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The hooks run in the system being made; here they are only written down.
    mmdebstrap_is(play, f'printf "%s\\n" "$@" >{play}/said')
    monkeypatch.setenv("LAB_MIRROR", "file:///mirror")

    mmdebstrap.fetch(["bash=5.2-1"], play)

    said = (play / "said").read_text().splitlines()
    assert said[-3:] == ["trixie", "/dev/null", "file:///mirror"]
    assert any("apt-get --quiet download bash=5.2-1" in line for line in said)


def test_versions_on_offer_are_read_from_apts_table(monkeypatch: pytest.MonkeyPatch) -> None:
    table = "  bash | 5.2-1 | x trixie/main\n  bash | 5.1-9 | x trixie/main\n"
    monkeypatch.setattr(mmdebstrap, "ask", lambda _: table)

    assert mmdebstrap.offered(["bash"]) == {("bash", "5.2-1"), ("bash", "5.1-9")}
