"""What machines said: found, shown, followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import consoles
from lab.cli import main
from tests.fake_run import FakeRun

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    path = FakeRun().write(tmp_path / "results")
    for name, said in (
        ("node-1", "booting\n\x1b[31mred\x1b[0m\n"),
        ("none+9p+kata-go-r1", "one\n"),
        ("none+9p+kata-go-r2", "two\n"),
        ("none+virtiofs+kata-go-r1", "of a cell\n"),
    ):
        (path / "consoles" / f"{name}.log").write_text(said)
    return path


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("node-1", "booting\nred\n"),
        ("node-1 -n 1", "red\n"),
        ("none+9p+kata-go-r2 --run last", "two\n"),
        ("none+virtiofs+kata-go", "of a cell\n"),
    ],
)
def test_a_console_is_shown_without_what_a_terminal_obeys(
    line: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["logs", *line.split()]) == 0
    assert capsys.readouterr().out == said


def test_consoles_are_listed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs"]) == 0
    assert f"node-1  {run.resolve()}/consoles/node-1.log" in capsys.readouterr().out


@pytest.mark.usefixtures("run")
def test_one_that_is_not_there_is_named_with_its_like(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "none+9p+kata-go"]) == 2
    said = capsys.readouterr().err
    assert "did you mean 'none+9p+kata-go-r1' or 'none+9p+kata-go-r2'?" in said


def test_where_nothing_is_nothing_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    assert main(["logs"]) == 0
    assert "there are no consoles" in capsys.readouterr().out
    assert main(["logs", "--run", "other"]) == 2


def test_what_is_added_is_told_and_a_new_beginning_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "node-1.log"
    path.write_text("before\n")
    steps = iter(["before\nmore\n", "anew\n"])
    monkeypatch.setattr(consoles, "pause", lambda _seconds: path.write_text(next(steps)))

    following = consoles.follow(path)

    assert [next(following), next(following)] == ["more\n", "anew\n"]
