from __future__ import annotations

import pytest

from lab.units import Unit, count, format_duration, format_multiple, format_spread, format_value


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (1_234_000_000, Unit.BIT_PER_SECOND, "1.23 Gbit/s"),
        (45_600_000, Unit.BIT_PER_SECOND, "45.6 Mbit/s"),
        (789_000, Unit.BIT_PER_SECOND, "789 kbit/s"),
        (12, Unit.BIT_PER_SECOND, "12.0 bit/s"),
        (5e12, Unit.BIT_PER_SECOND, "5000 Gbit/s"),
        (12_345, Unit.OPERATION_PER_SECOND, "12.3 kIOPS"),
        (1536, Unit.BYTE, "1.50 KiB"),
        (210 * 2**20, Unit.BYTE, "210 MiB"),
        (1023, Unit.BYTE, "1020 B"),
        (3 * 2**30, Unit.BYTE_PER_SECOND, "3.00 GiB/s"),
        (2.5, Unit.SECOND, "2.50 s"),
        (0.0416, Unit.SECOND, "41.6 ms"),
        (0.00042, Unit.SECOND, "420 µs"),
        (5e-8, Unit.SECOND, "50.0 ns"),
        (0.125, Unit.RATIO, "12.5 %"),
        (0.0, Unit.RATIO, "0.00 %"),
        (0.0, Unit.SECOND, "0.00 ns"),
        (0, Unit.BIT_PER_SECOND, "0.00 bit/s"),
        (-0.002, Unit.SECOND, "-2.00 ms"),
    ],
)
def test_values_have_three_digits_and_a_unit_that_suits(
    value: float, unit: Unit, expected: str
) -> None:
    assert format_value(value, unit) == expected


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (999_400_000, Unit.BIT_PER_SECOND, "999 Mbit/s"),
        (999_600_000, Unit.BIT_PER_SECOND, "1.00 Gbit/s"),
        (0.9996, Unit.SECOND, "1.00 s"),
        (0.9994, Unit.SECOND, "999 ms"),
        (-999.7, Unit.OPERATION_PER_SECOND, "-1.00 kIOPS"),
    ],
)
def test_who_is_rounded_up_to_the_next_unit_gets_it(
    value: float, unit: Unit, expected: str
) -> None:
    assert format_value(value, unit) == expected


@pytest.mark.parametrize("unit", list(Unit))
def test_every_unit_can_be_written(unit: Unit) -> None:
    assert format_value(1.0, unit).strip()


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.2, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (61, "1 min 01 s"),
        (754, "12 min 34 s"),
        (3600, "60 min 00 s"),
    ],
)
def test_durations_are_minutes_and_seconds(seconds: float, expected: str) -> None:
    assert format_duration(seconds) == expected


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(0.0042, "0.004"), (0.4237, "0.42"), (1, "1.00"), (12.34, "12.3"), (123.4, "123")],
)
def test_multiples_carry_their_sign(ratio: float, expected: str) -> None:
    assert format_multiple(ratio) == f"{expected}\N{MULTIPLICATION SIGN}"


@pytest.mark.parametrize(
    ("spread", "expected"),
    [(0.0, "±0 %"), (0.0412, "±4.1 %"), (0.12345, "±12 %"), (0.0004, "±0.04 %"), (2.0, "±200 %")],
)
def test_a_small_spread_is_not_shown_as_none(spread: float, expected: str) -> None:
    assert format_spread(spread) == expected


def test_numbers_agree_with_their_noun() -> None:
    assert [count(n, "boot") for n in (0, 1, 2)] == ["0 boots", "1 boot", "2 boots"]
