from __future__ import annotations

from pathlib import Path

import pytest

from lab.controls import Controls
from lab.errors import UsageError
from lab.options import OPTIONS, Wishes
from lab.plan import Ordering
from lab.profile import PROFILES


def read(**said: str) -> Wishes:
    texts = {f"lab_{name}": text for name, text in said.items()}
    return Wishes.read(texts.get)


def test_who_asks_for_nothing_gets_the_defaults_that_help_shows() -> None:
    shown = {option.name.removeprefix("lab_"): option.default for option in OPTIONS}

    wishes = read()

    shown.pop("wait")  # a word for what is a yes or no
    fields = {name: "budget_s" if name == "budget" else name for name in shown}
    assert {name: getattr(wishes, field) for name, field in fields.items()} == {
        **shown,
        "output": Path(str(shown["output"])),
    }
    assert wishes.waits


def test_every_wish_is_read() -> None:
    wishes = read(
        topology="pair", cells="*+9p+*", profile="publish", rounds="3", seed="0",
        budget="1h30m", controls="twin", order="sequential",
        keep="failed", accel="kvm", output="/elsewhere", artefacts="/built", lock="my.toml",
        wait="no",
    )  # fmt: skip

    assert wishes == Wishes(
        topology="pair", cells="*+9p+*", profile="publish", rounds=3, seed=0,
        budget_s=5400.0, controls=Controls.TWIN, order=Ordering.SEQUENTIAL,
        keep="failed", accel="kvm", output=Path("/elsewhere"),
        waits=False, artefacts=Path("/built"), lock=Path("my.toml"),
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
        ("controls", "twins", "twin"),
        ("order", "sequental", "sequential"),
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


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2h", 7200.0), ("90m", 5400.0), ("1h30m", 5400.0), ("45s", 45.0), ("1h1m1s", 3661.0)],
)
def test_a_budget_is_a_duration(text: str, seconds: float) -> None:
    assert read(budget=text).budget_s == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "30m1h", "1.5h", "-1h", "0h"])
def test_what_is_no_duration_is_refused_with_one_that_is(text: str) -> None:
    with pytest.raises(UsageError, match="--budget") as caught:
        read(budget=text)

    assert caught.value.remedy == "write --budget 1h30m"
