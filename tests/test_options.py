from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import UsageError
from lab.options import OPTIONS, Wishes
from lab.profile import PROFILES


def read(**said: str) -> Wishes:
    texts = {f"lab_{name}": text for name, text in said.items()}
    return Wishes.read(texts.get)


def test_who_asks_for_nothing_gets_the_defaults_that_help_shows() -> None:
    shown = {option.name.removeprefix("lab_"): option.default for option in OPTIONS}

    wishes = read()

    assert {name: getattr(wishes, name) for name in shown} == {
        **shown,
        "output": Path(str(shown["output"])),
    }


def test_every_wish_is_read() -> None:
    wishes = read(
        topology="pair", cells="*+9p+*", profile="publish", rounds="3", seed="0",
        keep="failed", accel="kvm", output="/elsewhere", artefacts="/built", lock="my.toml",
    )  # fmt: skip

    assert wishes == Wishes(
        topology="pair", cells="*+9p+*", profile="publish", rounds=3, seed=0,
        keep="failed", accel="kvm", output=Path("/elsewhere"),
        artefacts=Path("/built"), lock=Path("my.toml"),
    )  # fmt: skip


def test_a_repetition_names_the_artefacts_from_wherever_it_is_made() -> None:
    assert read().artefact_options == ()
    assert read(artefacts="built", lock="/my.toml").artefact_options == (
        "--artefacts", str(Path.cwd() / "built"), "--lock", "/my.toml"
    )  # fmt: skip


def test_an_empty_selection_of_cells_is_not_the_default_one() -> None:
    assert read(cells="").cells == ""


@pytest.mark.parametrize(
    ("flag", "text", "nearest"),
    [
        ("profile", "smok", "smoke"),
        ("profile", "Standard", "standard"),
        ("keep", "fail", "failed"),
        ("accel", "kmv", "kvm"),
    ],
)
def test_an_unknown_choice_names_the_nearest(flag: str, text: str, nearest: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(**{flag: text})

    assert caught.value.problem == f"--{flag}: unknown value {text!r}"
    assert caught.value.remedy.startswith(f"did you mean {nearest!r}? known: ")


def test_a_choice_like_no_other_gets_the_whole_list() -> None:
    with pytest.raises(UsageError) as caught:
        read(accel="xen")

    assert caught.value.remedy == "known: auto, kvm, tcg"


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "1e3", " 1", "²"])
@pytest.mark.parametrize("flag", ["rounds", "seed"])
def test_a_number_is_a_number(flag: str, text: str) -> None:
    with pytest.raises(UsageError, match=f"--{flag}: {text!r} is not a number"):
        read(**{flag: text})


def test_no_round_at_all_is_no_run() -> None:
    with pytest.raises(UsageError, match="--rounds: '0' is not a number of at least 1"):
        read(rounds="0")


def test_the_choice_of_profiles_is_the_profiles() -> None:
    (profile,) = (option for option in OPTIONS if option.flag == "--profile")

    assert profile.choices == tuple(PROFILES)
