"""What can become of a scenario, of an effect, of a run: from the enums and the statuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import docstrings, nightly, run
from lab.analysis.result import ControlStatus, Mark
from lab.outcome import Outcome
from lab.stats.flag import Flag
from lab.stats.precision import Stop
from lab.stats.verdict import Verdict
from lab.verbs.parser import BAD, INTERRUPTED, OK, USAGE
from tests.reference.markdown import code, page, plain, table

if TYPE_CHECKING:
    from enum import Enum

PASSED = "It did what it must."
FAILED = "It did not."
WHY_UNSUPPORTED = """
UNSUPPORTED is a result: [why](../explanation/unsupported.md). How failures of a cell of Kata's
are told from what is known of it: [Architecture](../architecture.md#kata-without-kubernetes).
"""
EXITS = (
    (OK, "of a run: something was measured, and nothing is FAIL, BLOCKED, INVALID or INFRA"),
    (BAD, "of a run: something is FAIL, BLOCKED or INVALID, or nothing measured; else an error"),
    (USAGE, "the command line is wrong; nothing was done"),
    (run.BENCH_FAILED, "the bench itself failed (INFRA), or left something behind on this machine"),
    (nightly.REGRESSED, "of `lab nightly`: a regression was confirmed"),
    (INTERRUPTED, "Ctrl-C, SIGTERM or SIGHUP; all was taken down in order"),
)  # fmt: skip


def text() -> str:
    """The whole page."""
    said = {Outcome.PASS: PASSED, Outcome.FAIL: FAILED}
    return page(
        "Outcomes and exit codes",
        "## Outcomes\n\nOf one scenario in one boot of a cell; never mixed.",
        table(
            ("outcome", "meaning", "run fails"),
            (
                (
                    code(each),
                    docstrings.of_member(each) or said[each],
                    "yes" if each.is_bad else "no",
                )
                for each in Outcome
            ),
        ),
        WHY_UNSUPPORTED.strip(),
        "## Exit codes",
        table(("status", "meaning"), ((code(status), meaning) for status, meaning in EXITS)),
        "## Verdicts\n\nOf an effect: the ratio of a cell to its baseline on one metric.",
        _told(Verdict),
        "## Flags\n\nWhy an effect has no number, or why its number is doubted.",
        _told(Flag),
        "## Marks\n\nWhat is left of a verdict after the correction for many.",
        _told(Mark),
        "## What the run's own controls say\n\nThe twin and the handicap.",
        _told(ControlStatus),
        "## Why no more rounds were run",
        _told(Stop),
    )


def _told(kind: type[Enum]) -> str:
    rows = [(code(each.value), docstrings.of_member(each)) for each in kind]
    about = plain((kind.__doc__ or "").strip())
    if any(meaning for _, meaning in rows):
        return f"{about}\n\n{table(('name', 'meaning'), rows)}"
    return f"{about}\n\n" + ", ".join(name for name, _ in rows)
