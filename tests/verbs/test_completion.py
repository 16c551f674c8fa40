"""What lets a shell complete the command line, and the names that it asks for."""

from __future__ import annotations

import argparse
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from lab import labs, verbs
from lab.cli import main
from lab.labs import LabRecord, NodeRecord
from lab.matrix import ALL_CELLS
from lab.run import Run
from lab.verbs.completion import SHELLS, script
from lab.virt.xml import Accelerator
from tests.fake_run import FakeRun
from tests.fakes import DEAD

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("shell", SHELLS)
def test_every_verb_and_what_only_asking_tells_is_in_it(shell: str) -> None:
    text = script(verbs.parser(), shell)

    for word in ("matrix", "artefacts", "publish", "lab completion --names runs"):
        assert word in text


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_itself_can_read_it(shell: str, tmp_path: Path) -> None:
    if not (program := shutil.which(shell)):
        pytest.skip(f"{shell} is not here")
    path = tmp_path / "lab"
    path.write_text(script(verbs.parser(), shell))

    assert subprocess.run([program, "-n", path], check=False).returncode == 0


def test_fish_completes_by_it(tmp_path: Path) -> None:
    if not (fish := shutil.which("fish")):
        pytest.skip("fish is not here")
    path = tmp_path / "lab.fish"
    path.write_text(script(verbs.parser(), "fish"))
    ask = f"source {path}; complete -C 'lab ma'; complete -C 'lab matrix --profile s'"

    done = subprocess.run([fish, "-c", ask], capture_output=True, text=True, check=True)

    offered = [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert offered == ["matrix", "smoke", "standard"]


def test_bash_completes_by_it(tmp_path: Path) -> None:
    path = tmp_path / "lab"
    path.write_text(script(verbs.parser(), "bash"))
    ask = f"""
        source {path}; function_name=$(complete -p lab | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        COMP_WORDS=(lab ma); COMP_CWORD=1; $function_name lab ma lab; echo "${{COMPREPLY[@]}}"
        COMP_WORDS=(lab matrix --profile s); COMP_CWORD=3
        COMPREPLY=(); $function_name lab s --profile; echo "${{COMPREPLY[@]}}"
    """

    done = subprocess.run(  # as a user's own shell is found
        ["bash", "-c", ask],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )

    assert [line.split() for line in done.stdout.splitlines()] == [
        ["matrix"],
        ["smoke", "standard"],
    ]


def test_names_are_those_that_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    run = FakeRun().write(tmp_path / "results").name
    expected = {
        "topologies": "embedded",
        "cells": str(ALL_CELLS[0]),
        "runs": run,
        "labs": "",
        "nodes": "",
    }

    (tmp_path / "own.toml").write_text('[[node]]\nname = "node-1"\n')
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    for what, first in expected.items():
        assert main(["completion", "--names", what]) == 0
        assert (capsys.readouterr().out.splitlines() or [""])[0 if what != "runs" else -1] == first

    assert main(["completion", "--names", "topologies"]) == 0
    assert [each for each in capsys.readouterr().out.split() if "." in each] == ["own.toml"]


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("lab topology show", "topologies"),
        ("lab topology check", "topologies"),
        ("lab shell", "nodes"),
        ("lab down", "labs"),
        ("lab verify", "runs"),
        ("lab report", "runs"),
        ("lab rerun", "runs"),
        ("lab compare", "runs"),
        ("lab explain", "cells"),
    ],
)
def test_every_word_that_has_names_is_completed(line: str, names: str) -> None:
    whole = verbs.parser()
    script(whole, "bash")
    parser = whole
    for word in line.split()[1:]:
        (below,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
        parser = below.choices[word]

    words = [action for action in parser._actions if not action.option_strings]

    assert words
    assert all(f"--names {names} " in str(vars(word)["complete"]) for word in words)


def test_a_shell_completes_the_sandboxes_of_a_run_that_is_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    run = Run.load(FakeRun(cells=ALL_CELLS[:2], rounds=2).write(tmp_path / "results"))
    record = LabRecord(
        id="lab-a", topology="embedded", accelerator=Accelerator.TCG, uri="test:///default",
        nodes=(NodeRecord(name="node-1", domain="d", console="/c.log", sockets="/s"),),
        owner=DEAD, created="", run=str(run.path),
    )  # fmt: skip
    record.folder.mkdir(parents=True)
    labs.write_record(record)

    assert main(["completion", "--names", "nodes"]) == 0

    cells = run.header.plan.cell_names
    boots = [boot.id for boot in run.order]
    assert capsys.readouterr().out.split() == ["node-1", "peer", *cells, *boots]


def test_completion_of_no_shell_is_a_wrong_command_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["completion"]) == 2
    assert "`lab completion` lacks one of" in capsys.readouterr().err
