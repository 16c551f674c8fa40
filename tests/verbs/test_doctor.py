from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lab import doctor
from lab.cli import main
from lab.doctor import Finding, Fix, State

if TYPE_CHECKING:
    from collections.abc import Sequence

GOOD = Finding(subject="room", fact="much", why="nodes take it", unlocks="every cell")
FIX = Fix("sudo modprobe kvm_intel", lambda _say: None)
LESS = Finding(
    subject="kvm",
    fact="none",
    state=State.LESS,
    why="it is quick",
    unlocks="--accel kvm",
    mend="sudo modprobe kvm_intel",
    fix=FIX,
)
LACK = Finding(
    subject="libvirt",
    fact="silent",
    state=State.LACK,
    why="starts nodes",
    unlocks="every cell",
    mend="start it",
)


def found(monkeypatch: pytest.MonkeyPatch, *rounds: Sequence[Finding]) -> None:
    """What is found each time that somebody looks."""
    left = list(rounds)
    monkeypatch.setattr(doctor, "examine", lambda **_: tuple(left.pop(0)))


@pytest.mark.parametrize(
    ("findings", "status"), [((GOOD,), 0), ((GOOD, LESS), 0), ((GOOD, LACK), 1), ((LESS, LACK), 1)]
)
def test_only_a_lack_is_a_bad_status(
    monkeypatch: pytest.MonkeyPatch, findings: Sequence[Finding], status: int
) -> None:
    found(monkeypatch, findings)

    assert main(["doctor"]) == status


def test_a_line_has_the_fact_why_it_matters_and_what_mends_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found(monkeypatch, (GOOD, LESS, LACK))

    main(["doctor"])

    assert capsys.readouterr().out.splitlines() == [
        "ok    room: much",
        "      nodes take it [every cell]",
        "less  kvm: none",
        "      it is quick [--accel kvm]",
        "      mend: sudo modprobe kvm_intel",
        "LACK  libvirt: silent",
        "      starts nodes [every cell]",
        "      mend: start it",
        "`lab doctor --fix` does: sudo modprobe kvm_intel",
        "1 thing is lacking; 1 thing is less than it could be",
    ]


def test_programs_get_all_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found(monkeypatch, (LESS, LACK))

    assert main(["doctor", "--json"]) == 1
    one, other = json.loads(capsys.readouterr().out)
    assert one == {
        "subject": "kvm",
        "state": "less",
        "fact": "none",
        "why": "it is quick",
        "unlocks": "--accel kvm",
        "mend": "sudo modprobe kvm_intel",
        "fix": "sudo modprobe kvm_intel",
    }
    assert (other["state"], other["fix"]) == ("LACK", None)


def test_fix_mends_and_looks_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found(monkeypatch, (LESS,), (GOOD,))

    assert main(["doctor", "--fix"]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "mending: sudo modprobe kvm_intel",
        "ok    room: much",
    ]


def test_fix_with_nothing_to_mend_looks_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found(monkeypatch, (LACK,))

    assert main(["doctor", "--fix"]) == 1
    assert "mending" not in capsys.readouterr().out


@pytest.mark.parametrize(("words", "tries"), [([], False), (["--try"], True)])
def test_kvm_is_tried_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, *, words: list[str], tries: bool
) -> None:
    asked: list[bool] = []

    def examine(*, tries_kvm: bool) -> tuple[Finding, ...]:
        asked.append(tries_kvm)
        return (GOOD,)

    monkeypatch.setattr(doctor, "examine", examine)

    assert main(["doctor", *words]) == 0
    assert asked == [tries]


def test_what_programs_read_is_not_mixed_with_what_a_mend_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["doctor", "--fix", "--json"]) == 2
    assert "lab: --json does not go with --fix\n" in capsys.readouterr().err


def test_lines_fit_in_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    long = Finding(subject="s", fact="word " * 60, why="why " * 60, unlocks="u", mend="do " * 90)
    found(monkeypatch, (long,))

    main(["doctor"])

    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
