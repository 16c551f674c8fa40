"""Numbers for people: the only place that formats them. Inside, everything is SI."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

SIGNIFICANT_DIGITS = 3
_DECIMAL = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_BINARY = ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))
_TIME = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


class Unit(StrEnum):
    """The unit of a metric's value, as it is stored."""

    BIT_PER_SECOND = "bit/s"
    """Bits a second: rates of networks."""
    BYTE_PER_SECOND = "B/s"
    """Bytes a second: rates of storage."""
    OPERATION_PER_SECOND = "IOPS"
    """I/O operations a second."""
    SECOND = "s"
    """Seconds."""
    BYTE = "B"
    """Bytes."""
    RATIO = "ratio"
    """A number without a unit."""


def format_value(value: float, unit: Unit) -> str:
    """
    Write *value* with at most three significant digits and a unit that suits its size.

    >>> format_value(1_234_000_000, Unit.BIT_PER_SECOND)
    '1.23 Gbit/s'
    >>> format_value(0.00042, Unit.SECOND)
    '420 µs'
    """
    match unit:
        case Unit.SECOND:
            return _scaled(value, _TIME, "")
        case Unit.BYTE:
            return _scaled(value, _BINARY, "")
        case Unit.BYTE_PER_SECOND:
            return _scaled(value, _BINARY, "/s")
        case Unit.RATIO:
            return f"{_digits(value * 100)} %"
        case _:
            return _scaled(value, _DECIMAL, unit.value)


def format_duration(seconds: float) -> str:
    """
    Write a wall-clock duration.

    >>> format_duration(754)
    '12 min 34 s'
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def format_multiple(ratio: float) -> str:
    """
    Write a ratio of two measured values.

    >>> format_multiple(0.4237)
    '0.42×'
    """  # noqa: RUF002
    return f"{ratio:.3f}×" if ratio < 0.1 else f"{_digits(ratio)}×"  # noqa: PLR2004, RUF001


def format_count(number: int) -> str:
    """
    Write a count to its last digit, thousands apart.

    >>> format_count(249319)
    '249\u202f319'
    """
    return f"{number:,}".replace(",", "\u202f")


def format_spread(relative_sd: float) -> str:
    """
    Write a standard deviation that is relative to its mean.

    >>> format_spread(0.0412)
    '±4.1 %'
    """
    percent = relative_sd * 100
    digits = f"{percent:.0f}" if percent >= 10 else f"{percent:.1f}"  # noqa: PLR2004
    return f"±{digits} %" if float(digits) else f"±{percent:.1g} %"


def count(number: int, noun: str) -> str:
    """
    Write a number with its noun.

    >>> count(1, "boot"), count(3, "boot")
    ('1 boot', '3 boots')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def format_time(moment: datetime) -> str:
    """
    Write a time of day with its day, for people.

    >>> format_time(datetime.fromisoformat("2026-11-23T18:05:12+00:00"))
    '2026-11-23 18:05:12 UTC'
    """
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def format_change(ratio: float) -> str:
    """
    Write a ratio as a change, with a sign that is not a dash.

    >>> format_change(0.893), format_change(1.0042)
    ('−10.7 %', '+0.42 %')
    """  # noqa: RUF002
    percent = (ratio - 1) * 100
    return f"{'+' if percent >= 0 else '−'}{_digits(abs(percent))} %"  # noqa: RUF001


def _scaled(value: float, scale: tuple[tuple[float, str], ...], suffix: str) -> str:
    size = abs(float(f"{value:.{SIGNIFICANT_DIGITS}g}"))
    factor, prefix = next((step for step in scale if size >= step[0]), scale[-1])
    return f"{_digits(value / factor)} {prefix}{suffix}"


def _digits(value: float) -> str:
    rounded = float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    whole_digits = len(str(int(abs(rounded))))
    return f"{rounded:.{max(0, SIGNIFICANT_DIGITS - whole_digits)}f}"
