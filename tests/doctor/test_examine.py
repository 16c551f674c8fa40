from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lab import doctor
from lab.doctor import Finding, Fix, State, image, packages, virt
from lab.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GOOD = Finding(subject="libvirt", fact="answers", why="w", unlocks="u")


def finding(fix: Fix | None) -> Finding:
    return Finding(subject="s", fact="f", state=State.LACK, why="w", unlocks="u", mend="m", fix=fix)


def test_every_subject_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virt, "findings", lambda: iter([GOOD]))
    monkeypatch.setattr(packages, "_versions", lambda: iter(()))

    found = doctor.examine()

    assert {each.subject for each in found} == {
        "packages",
        "hardware virtualisation",
        "memory",
        "disk",
        "libvirt",
        "image",
        "ports",
        "artefacts",
        "Chromium",
    }
    assert State.LACK not in {each.state for each in found}
    assert all(each.fact and each.why and each.unlocks for each in found)
    assert all(bool(each.mend) is (each.state is not State.GOOD) for each in found)


def test_looking_makes_nothing_but_the_labs_own_folder(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virt, "findings", lambda: iter([GOOD]))
    monkeypatch.setattr(packages, "_versions", lambda: iter(()))
    before = set(machine.rglob("*"))

    doctor.examine()

    assert set(machine.rglob("*")) - before == {machine / "home"}
    assert image.built() is None


@pytest.mark.parametrize(
    ("lacks", "less", "told"),
    [
        (0, 0, "nothing is lacking"),
        (0, 3, "nothing is lacking; 3 things are less than they could be"),
        (1, 0, "1 thing is lacking"),
        (2, 1, "2 things are lacking; 1 thing is less than it could be"),
    ],
)
def test_what_was_found_is_summed_up(lacks: int, less: int, told: str) -> None:
    of = {state: replace(GOOD, state=state) for state in State}

    found = [GOOD, *[of[State.LACK]] * lacks, *[of[State.LESS]] * less]

    assert doctor.summed_up(found) == told


def test_each_mend_is_done_once_and_said() -> None:
    said: list[str] = []
    done: list[str] = []

    def apply(say: Callable[[str], None]) -> None:
        done.append("x")
        say("at it")

    fix = Fix("sudo x", apply)
    doctor.mend([finding(fix), finding(None), finding(fix)], say=said.append)

    assert done == ["x"]
    assert said == ["mending: sudo x", "at it"]


def test_a_mend_that_fails_does_not_keep_others_from_being_tried() -> None:
    said: list[str] = []
    done: list[str] = []

    def fails(_say: Callable[[str], None]) -> None:
        raise HostError("it may not", remedy="be root")

    doctor.mend(
        [finding(Fix("one", fails)), finding(Fix("other", lambda _say: done.append("x")))],
        say=said.append,
    )

    assert done == ["x"]
    assert said == ["mending: one", "not mended: it may not\n  remedy: be root", "mending: other"]
