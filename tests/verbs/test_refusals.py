"""A wrong command line: what is wrong and a remedy, and nothing starts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lab.cli import main
from lab.files import state_dir

pytestmark = pytest.mark.usefixtures("place")


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize("verb", ["matrix", "nightly"])
@pytest.mark.parametrize(
    ("wrong", "problem", "remedy"),
    [
        ("--cells tcfiltr+9p+reference", "unknown network 'tcfiltr'", "mean 'tcfilter'?"),
        ("--cells none+virtofs+reference", "unknown storage 'virtofs'", "mean 'virtiofs'?"),
        ("--topology embeded", "there is no topology 'embeded'", "did you mean 'embedded'?"),
        ("--profile smok", "--profile: unknown value 'smok'", "did you mean 'smoke'?"),
        ("--accel kwm", "--accel: unknown value 'kwm'", "did you mean 'kvm'?"),
        ("--keep alway", "--keep: unknown value 'alway'", "did you mean 'always'?"),
        ("--rounds 0", "--rounds: '0' is not a number of at least 1", "--rounds 1"),
        ("--seed x", "--seed: 'x' is not a number", "write --seed 0"),
    ],
)
def test_what_does_not_exist_is_named_and_nothing_starts(
    capsys: pytest.CaptureFixture[str], verb: str, wrong: str, problem: str, remedy: str
) -> None:
    assert main([verb, *wrong.split()]) == 2

    said = capsys.readouterr()
    assert said.err.startswith("lab: ")
    assert problem in said.err
    assert remedy in said.err
    assert "Traceback" not in said.err
    assert list(Path.cwd().iterdir()) == []
    assert not state_dir().exists()


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize(
    ("line", "problem", "remedy"),
    [
        ("mtrix", "there is no verb 'mtrix'", "did you mean 'matrix'? `lab --help` lists all"),
        ("qqqqqq", "there is no verb 'qqqqqq'", "`lab --help` lists all"),
        ("--verbose", "`lab` lacks a verb", "`lab --help` lists all"),
        ("image", "`lab image` lacks a verb", "`lab image --help` lists all"),
        ("image biuld", "there is no verb 'biuld' of `lab image`", "did you mean 'build'?"),
        ("matrix --cell-s x", "there is no option '--cell-s' of `lab matrix`", "mean '--cells'?"),
        ("--verbos-e status", "there is no option '--verbos-e'", "mean '--verbose'?"),
        ("matrix --pause-on fial", "--pause-on: unknown value 'fial'", "did you mean 'fail'?"),
        ("completion fihs", "shell: unknown value 'fihs'", "did you mean 'fish'? known: bash"),
        ("status now", "'now' is one word too many of `lab status`", "`lab status --help`"),
        ("compare", "`lab compare` lacks BEFORE, AFTER", "`lab compare --help` lists all"),
        ("shell", "`lab shell` lacks NODE|SANDBOX", "`lab shell --help`"),
        ("matrix --cells", "--cells: a value is missing", "`lab matrix --help`"),
        ("logs -n x", "-n/--lines: 'x' is no whole number", "`lab logs --help`"),
        ("plan --json=x", "--json takes no value, and was given 'x'", "`lab plan --help`"),
        ("matrix --o x", "--o may stand for --order, --output", "`lab matrix --help`"),
    ],
)
def test_a_command_line_that_is_none_is_refused_with_a_remedy(
    capsys: pytest.CaptureFixture[str], line: str, problem: str, remedy: str
) -> None:
    assert main(line.split()) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"lab: {problem}")
    assert len(err.splitlines()) == 2
    assert "  remedy: " in err
    assert remedy in err


def test_a_bare_lab_prints_its_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["lab"])

    assert main() == 2
    assert capsys.readouterr().out.startswith("usage: lab ")


@pytest.mark.parametrize("text", ["2", "0%", "100%", "-3%", "x%", ""])
def test_a_precision_is_a_share(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", f"--precision={text}"]) == 2

    assert f"--precision: {text!r} is no share" in capsys.readouterr().err
