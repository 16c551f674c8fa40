"""A night's summary: what matters first, and never more than fits."""

from __future__ import annotations

import msgspec
import pytest

from lab.history.night import Event, Kind, Night
from lab.report.night import MAX_LINES, headline, render
from lab.sample import Better
from tests.fake_run import CREATED

LESS = "\N{MINUS SIGN}"
RUN = "2026-11-24T02-00-00-standard"
QUIET = Night(
    epoch_since=CREATED, epoch_reason="host kernel: 6.12 / 6.13", epoch_nights=9, series=150,
    learning=0,
)  # fmt: skip


def event(kind: Kind, **changes: object) -> Event:
    made = Event(
        kind=kind, cell="tcfilter+virtiofs+kata-go", metric="tcp_out_goodput",
        control="tcfilter+virtiofs+reference", better=Better.HIGHER, shift=-0.11, low=-0.14,
        high=-0.08, p=0.00004, rounds=12, nights=20,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def test_a_quiet_night_is_three_lines() -> None:
    assert render(QUIET, run=RUN) == (
        "# ✓ Night: nothing has changed\n"
        "\n"
        "\n"
        f"{RUN}: 150 series screened; night 9 since 2026-11-23 (host kernel: 6.12 / 6.13).\n"
    )


def test_a_regression_is_told_with_all_that_makes_it_one() -> None:
    night = msgspec.structs.replace(
        QUIET, events=(event(Kind.REGRESSION, note="ann had it"),), confirmed_by="again"
    )

    text = render(night, run=RUN)

    assert text.startswith("# ✗ Night: 1 confirmed regression\n")
    assert (
        "- **regression** tcfilter+virtiofs+kata-go, tcp\\_out\\_goodput against"
        f" tcfilter+virtiofs+reference: {LESS}10.4 % [{LESS}13.1 %, {LESS}7.69 %], p 4e-05,"
        " 12 rounds; ann had it\n"
    ) in text
    assert "; measured again in again." in text


@pytest.mark.parametrize("count", [0, 1, 25, 26, 27, 400])
def test_it_never_has_more_than_thirty_lines(count: int) -> None:
    everything = msgspec.structs.replace(
        QUIET,
        events=tuple(event(kind) for kind in Kind for _ in range(count)),
        known=("a known one",) * count,
        warnings=("beware\nof two lines",) * count,
        comments=("a change",) * count,
        epoch_reason="a\nb",
    )

    text = render(everything, run=RUN)

    assert text.count("\n") <= MAX_LINES == 30
    if count > 26:
        assert "more, in `nightly.json`" in text


def test_regressions_are_what_room_is_kept_for() -> None:
    crowded = msgspec.structs.replace(
        QUIET,
        events=(*(event(Kind.NOT_CONFIRMED) for _ in range(99)), event(Kind.REGRESSION)),
    )

    assert render(crowded, run=RUN).splitlines()[2].startswith("- **regression**")


def test_what_fits_is_all_there() -> None:
    events = tuple(event(Kind.NOT_CONFIRMED, note=f"number {n}") for n in range(26))

    text = render(msgspec.structs.replace(QUIET, events=events), run=RUN)

    assert all(f"number {n}" in text for n in range(26))
    assert "more" not in text


def test_text_from_elsewhere_is_quoted() -> None:
    night = msgspec.structs.replace(QUIET, warnings=("<b>*x*</b>",))

    assert "\\<b\\>\\*x\\*" in render(night, run=RUN)


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ([], "nothing has changed"),
        ([Kind.NOT_CONFIRMED, Kind.CONTROL], "nothing has changed"),
        ([Kind.REGRESSION] * 2, "2 confirmed regressions"),
        ([Kind.UNDECIDED, Kind.IMPROVEMENT], "1 confirmed improvement, 1 undecided series"),
        ([Kind.ENVIRONMENT], "the machine changed, nobody is blamed"),
    ],
)
def test_the_headline_says_what_it_comes_to(kinds: list[Kind], expected: str) -> None:
    assert headline([event(kind) for kind in kinds]) == expected
