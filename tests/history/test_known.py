"""The file of known regressions."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from lab.errors import UsageError
from lab.history.known import load

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
[[regression]]
cell = "tcfilter+*+kata-go"
metric = "tcp_*"
owner = "ann"
reason = "waits for upstream 1234"
since = 2026-10-20
expires = 2026-12-31
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "known-regressions.toml"
    path.write_text(text)
    return path


def test_a_file_is_read(tmp_path: Path) -> None:
    (known,) = load(written(tmp_path, GOOD))

    assert str(known) == "tcfilter+*+kata-go, tcp_*: ann, until 2026-12-31: waits for upstream 1234"


def test_an_empty_file_knows_nothing(tmp_path: Path) -> None:
    assert load(written(tmp_path, "")) == ()


@pytest.mark.parametrize(
    ("cell", "metric", "is_covered"),
    [
        ("tcfilter+9p+kata-go", "tcp_out_goodput", True),
        ("tcfilter+9p+kata-go", "udp_out_goodput", False),
        ("macvtap+9p+kata-go", "tcp_out_goodput", False),
        ("tcfilter+9p+kata-go+twin", "tcp_out_goodput", False),
    ],
)
def test_it_is_about_what_its_patterns_match(
    tmp_path: Path,
    cell: str,
    metric: str,
    is_covered: bool,  # noqa: FBT001 - a case
) -> None:
    (known,) = load(written(tmp_path, GOOD))

    assert known.covers(cell, metric) is is_covered


@pytest.mark.parametrize(
    ("day", "is_active", "has_expired"),
    [
        (date(2026, 10, 19), False, False),
        (date(2026, 10, 20), True, False),
        (date(2026, 12, 31), True, False),
        (date(2027, 1, 1), False, True),
    ],
)
def test_it_counts_until_its_last_day_is_over(
    tmp_path: Path,
    day: date,
    is_active: bool,  # noqa: FBT001 - a case
    has_expired: bool,  # noqa: FBT001
) -> None:
    (known,) = load(written(tmp_path, GOOD))

    assert (known.is_active(day), known.has_expired(day)) == (is_active, has_expired)


@pytest.mark.parametrize(
    ("change", "problem", "remedy"),
    [
        (("owner", "ownr"), "unknown field `ownr`", "did you mean 'owner'?"),
        (("[[regression]]", "[[regresion]]"), "unknown field `regresion`", "mean 'regression'?"),
        (('owner = "ann"\n', ""), "missing required field `owner`", "docs/nightly.md"),
        (('"ann"', '" "'), "owner is empty", "docs/nightly.md"),
        (("2026-12-31", "2026-10-01"), "before it began", "docs/nightly.md"),
        (("2026-12-31", '"soon"'), "Expected `date`", "docs/nightly.md"),
        (("tcfilter+*", "tcfiltr+*"), "did you mean 'tcfilter'?", "docs/nightly.md"),
        (("tcfilter+*+kata-go", "tcfilter"), "not of the form", "docs/nightly.md"),
        (("[[", "["), "known-regressions.toml", "docs/nightly.md"),
    ],
)
def test_what_is_wrong_with_it_is_named(
    tmp_path: Path, change: tuple[str, str], problem: str, remedy: str
) -> None:
    path = written(tmp_path, GOOD.replace(*change))

    with pytest.raises(UsageError) as caught:
        load(path)

    assert str(path) in caught.value.problem
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load(tmp_path / "nowhere.toml")
