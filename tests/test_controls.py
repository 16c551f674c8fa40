from __future__ import annotations

import pytest

from lab.controls import MIN_CLAIMING_ROUNDS, Controls, with_controls
from lab.matrix import ALL_CELLS, DEFAULT_CELLS, Cell, Runtime, Variant, select
from lab.profile import PROFILES

KATA = "macvtap+9p+kata-go"


def joined(
    expression: str,
    *,
    controls: str = "auto",
    profile: str = "standard",
    rounds: int | None = None,
    has_reference: bool = True,
) -> list[str]:
    """What joins the cells that were named."""
    settled = PROFILES[profile]
    cells = select(expression, runtimes=tuple(Runtime))
    every, added = with_controls(
        cells,
        Controls(controls),
        profile=settled,
        rounds=rounds or settled.rounds,
        has_reference=has_reference,
    )
    names = [each.cell_name for each in added]
    assert sorted(names) == sorted({str(cell) for cell in every} - {str(c) for c in cells})
    assert all(each.reason for each in added)
    return names


@pytest.mark.parametrize(
    ("cells", "how", "expected"),
    [
        # One round claims nothing: a single cell stays quick.
        (KATA, {"profile": "smoke"}, []),
        (KATA, {"profile": "publish", "rounds": 4}, []),
        (KATA, {"profile": "smoke", "rounds": 5},
         ["veth+overlayfs+runc", "macvtap+9p+reference", f"{KATA}+twin"]),
        (KATA, {}, ["veth+overlayfs+runc", "macvtap+9p+reference", f"{KATA}+twin"]),
        (KATA, {"has_reference": False}, ["veth+overlayfs+runc", f"{KATA}+twin"]),
        (KATA, {"profile": "publish"},
         ["veth+overlayfs+runc", "macvtap+9p+reference", f"{KATA}+twin", f"{KATA}+handicap"]),
        (KATA, {"controls": "none", "profile": "publish"}, []),
        (KATA, {"controls": "twin"}, [f"{KATA}+twin"]),
        (KATA, {"controls": "handicap", "profile": "smoke"}, [f"{KATA}+handicap"]),
        (KATA, {"controls": "all", "profile": "smoke"},
         ["veth+overlayfs+runc", "macvtap+9p+reference", f"{KATA}+twin", f"{KATA}+handicap"]),
        ("none+devmapper-blk+reference", {},
         ["veth+devmapper+runc", "none+devmapper-blk+reference+twin"]),
        ("veth+devmapper+runc", {}, ["veth+devmapper+runc+twin"]),
        # What was named as a variant needs its plain cell, whatever else is wanted.
        (f"{KATA}+handicap", {"profile": "smoke"}, [KATA]),
        (f"{KATA}+handicap", {"controls": "none"}, [KATA]),
        (f"{KATA},{KATA}+twin", {}, ["veth+overlayfs+runc", "macvtap+9p+reference"]),
        # The twin is that of Kata's defaults, and of Kata before what it is made of.
        ("*+virtiofs+reference,tcfilter+virtiofs+kata-rs", {},
         ["veth+overlayfs+runc", "tcfilter+virtiofs+kata-rs+twin"]),
    ],
)  # fmt: skip
def test_controls_join_where_a_run_claims_something(
    cells: str, how: dict[str, object], expected: list[str]
) -> None:
    assert joined(cells, **how) == expected  # type: ignore[arg-type] # a row of the table


def test_the_default_matrix_has_its_controls_and_gets_a_twin() -> None:
    expression = ",".join(map(str, DEFAULT_CELLS))

    assert joined(expression) == ["tcfilter+virtiofs+reference+twin"]
    assert joined(expression, profile="smoke") == []


@pytest.mark.parametrize("controls", list(Controls))
@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("step", [1, 7, 11])
def test_controls_only_ever_join_and_never_twice(
    controls: Controls, profile: str, step: int
) -> None:
    cells = ALL_CELLS[::step]
    settled = PROFILES[profile]

    every, added = with_controls(
        cells, controls, profile=settled, rounds=settled.rounds, has_reference=True
    )
    again, nothing = with_controls(
        every, controls, profile=settled, rounds=settled.rounds, has_reference=True
    )

    assert set(cells) <= set(every)
    assert len(every) == len(set(every)) == len(cells) + len(added)
    assert (again, nothing) == (every, ())
    assert all(cell.plain in every for cell in every)


def test_the_profiles_that_publish_claim_something_and_smoke_does_not() -> None:
    assert PROFILES["smoke"].rounds < MIN_CLAIMING_ROUNDS <= PROFILES["standard"].rounds
    assert Cell.parse(KATA).of(Variant.TWIN) not in ALL_CELLS
