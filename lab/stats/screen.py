"""
The two stages of a night: a cheap screen against history, then a re-run that decides.

A series is what one cell gives on one metric, night by night, as the logarithm of its ratio to
its control of the same rounds: what slows the whole machine is in neither. A **screen** asks
whether tonight is where the nights before let one expect it, by Student's prediction interval.
It flags some series every night by chance, and nobody is told. A flagged series is measured once
more the same night, interleaved with its control, in more rounds; only **confirmation** is told.

The rule and its rates: docs/statistics.md, table S5. No rule of one stage came near.

All functions take arrays and work on their last axis, so that the simulations in the tests run
this code and no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

NIGHTS = 20
"""Of history that a night is screened against, at most: K."""
MIN_NIGHTS = 10
"""With fewer, the spread between nights is not known well enough (by 8, the matrix had a false
alarm in 63 nights), and nothing is screened out."""
SCREEN_ALPHA = 0.05
ROUNDS = 16
"""Of the re-run. With 12 a change of 5 % is found within three nights in half of the cases only."""
MIN_ROUNDS = 10
"""With fewer of them left the re-run does not decide: 10 rounds have the same false alarms."""
CONFIRM_ALPHA = 0.002
ALONE_ALPHA = 0.0001
"""Of the re-run where nothing was screened out before it: one stage has to be as rare as two."""
ENVIRONMENT_ALPHA = 0.001
"""How often a night may be told that the machine has changed if it has not, over all controls."""
_COVERAGE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """What the first stage says of one series tonight."""

    shift: float
    """Of the logarithm, against the mean of the nights before."""
    p: float | None
    """Of a shift as large by chance; None with too few nights to know their spread."""
    nights: int
    is_flagged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the logarithm of a ratio ought to be, and how well that is known."""

    mean: float
    error: float = 0.0
    """Standard error; zero where it is known: two of the same have the ratio 1."""
    freedom: float = np.inf
    """Degrees of freedom of the error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What the second stage says of one series tonight."""

    shift: float
    """Of the logarithm, against what was expected."""
    low: float
    """Of the 95 % interval of the shift."""
    high: float
    p: float
    rounds: int
    is_confirmed: bool


def centre(rounds: ArrayLike, *, is_noise_known: bool) -> Floats:
    """
    One number for the rounds of a night, from the logarithm of the ratio in each.

    The mean, if what disturbed a round is known and was left out for that; otherwise the median,
    which a disturbed round cannot move far, and which finds less.
    """
    values = np.asarray(rounds, dtype=np.float64)
    average = np.mean if is_noise_known else np.median
    return np.asarray(average(values, axis=-1), dtype=np.float64)


def expectation(history: ArrayLike) -> Expected:
    """What the nights of *history*, or the rounds of fewer nights, let one expect."""
    mean, error, freedom = level(np.asarray(history, dtype=np.float64))
    return Expected(mean=float(mean), error=float(error), freedom=freedom)


def screen(history: Sequence[float], tonight: float, *, margin: float) -> Screening:
    """
    Screen *tonight* against *history*, oldest first, of which the last :data:`NIGHTS` count.

    With fewer than :data:`MIN_NIGHTS` the size of the shift alone flags, and the re-run decides.

    Raises:
        ValueError: without any night before.
    """
    known = np.asarray(history[-NIGHTS:], dtype=np.float64)
    if not len(known):
        raise ValueError("there is no night to screen against")
    if len(known) < MIN_NIGHTS:
        shift = float(tonight - known.mean())
        return Screening(
            shift=shift,
            p=None,
            nights=len(known),
            is_flagged=bool(is_as_large(np.float64(shift), margin / 2)),
        )
    shifts, p = prediction(known, np.float64(tonight))
    return Screening(
        shift=float(shifts),
        p=float(p),
        nights=len(known),
        is_flagged=bool(flags(shifts, p, margin=margin)),
    )


def confirm(
    rounds: Sequence[float], expected: Expected, *, margin: float, was_screened: bool = True
) -> Confirmation:
    """
    Decide by the *rounds* of the re-run: the logarithm of the ratio to the control in each.

    Where nothing was screened out before (*was_screened*) the re-run alone has to be sure.

    Raises:
        ValueError: with fewer than :data:`MIN_ROUNDS`.
    """
    values = np.asarray(rounds, dtype=np.float64)
    if len(values) < MIN_ROUNDS:
        raise ValueError(f"{len(values)} rounds cannot decide: {MIN_ROUNDS} can")
    shift, error, freedom, p = departure(values, expected.mean, expected.error, expected.freedom)
    half = float(special.stdtrit(freedom, (1 + _COVERAGE) / 2) * error)
    return Confirmation(
        shift=float(shift),
        low=float(shift) - half,
        high=float(shift) + half,
        p=float(p),
        rounds=len(values),
        is_confirmed=bool(
            confirms(shift, p, margin=margin, alpha=CONFIRM_ALPHA if was_screened else ALONE_ALPHA)
        ),
    )


def has_shifted(
    histories: Sequence[Sequence[float]], tonight: Sequence[float], *, margin: float
) -> list[bool]:
    """
    Which controls are not where their own nights let one expect them: the machine changed.

    Each is the logarithm of what a control gave, without any ratio. Bonferroni's bound over all
    that have enough nights; the others are not said to have shifted.
    """
    asked = [len(history) >= MIN_NIGHTS for history in histories]
    found = []
    for history, value, is_asked in zip(histories, tonight, asked, strict=True):
        if not is_asked:
            found.append(False)
            continue
        shift, p = prediction(np.asarray(history[-NIGHTS:]), np.float64(value))
        is_rare = float(p) * sum(asked) < ENVIRONMENT_ALPHA
        found.append(is_rare and bool(is_as_large(shift, margin)))
    return found


def level(history: Floats) -> tuple[Floats, Floats, int]:
    """The mean of *history*, its standard error, and the degrees of freedom of that."""
    count = history.shape[-1]
    error = history.std(axis=-1, ddof=1) / np.sqrt(count)
    return np.asarray(history.mean(axis=-1)), np.asarray(error), count - 1


def prediction(history: Floats, tonight: Floats | np.float64) -> tuple[Floats, Floats]:
    """The shift of *tonight* from the mean of *history*, and the p of its prediction interval."""
    nights = history.shape[-1]
    shift = np.asarray(tonight - history.mean(axis=-1))
    error = history.std(axis=-1, ddof=1) * np.sqrt(1 + 1 / nights)
    return shift, _two_sided(shift, error, nights - 1)


def departure(
    rounds: Floats, mean: ArrayLike, error: ArrayLike, freedom: ArrayLike
) -> tuple[Floats, Floats, Floats, Floats]:
    """
    The shift of *rounds* from the expected *mean*, its error, degrees of freedom, and p.

    Welch's t: the rounds have their own spread, and what is expected has its *error*.
    """
    count = rounds.shape[-1]
    shift = np.asarray(rounds.mean(axis=-1) - mean)
    own = rounds.var(axis=-1, ddof=1) / count
    other = np.square(np.asarray(error, dtype=np.float64))
    weight = own**2 / (count - 1) + other**2 / np.asarray(freedom, dtype=np.float64)
    total = own + other
    known = np.divide(total**2, weight, out=np.full_like(total, count - 1.0), where=weight > 0)
    spread = np.sqrt(total)
    return shift, spread, known, _two_sided(shift, spread, known)


def flags(shift: Floats, p: Floats, *, margin: float) -> Bools:
    """The rule of the first stage."""
    return np.asarray((p < SCREEN_ALPHA) & is_as_large(shift, margin / 2))


def confirms(shift: Floats, p: Floats, *, margin: float, alpha: float = CONFIRM_ALPHA) -> Bools:
    """The rule of the second stage."""
    return np.asarray((p < alpha) & is_as_large(shift, margin))


def is_as_large(shift: Floats | np.float64, margin: float) -> Bools:
    """Whether a shift of the logarithm is a change by *margin* or more, up or down."""
    return np.asarray(np.abs(np.expm1(shift)) >= margin)


def _two_sided(shift: Floats, error: Floats, freedom: ArrayLike) -> Floats:
    """The p of Student's t. Without any spread, what is not equal cannot be chance."""
    is_known = error > 0
    t = np.divide(np.abs(shift), error, out=np.full_like(shift, np.inf), where=is_known)
    t = np.where(is_known | (shift != 0), t, 0.0)
    return np.asarray(2 * special.stdtr(np.asarray(freedom, dtype=np.float64), -t))
