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

KINDS: dict[str, type[Enum]] = {
    "Verdicts": Verdict,
    "Flags": Flag,
    "Marks": Mark,
    "What the run's own controls say": ControlStatus,
    "The end of the rounds": Stop,
}
"""What has a chapter of its own, by its title."""


def text() -> str:
    """The whole page."""
    return page(
        "Outcomes and exit codes",
        "## Outcomes\n\nOf one scenario in one boot of a cell; never mixed.",
        table(
            ("outcome", "meaning", "run fails"),
            (
                (
                    code(each),
                    docstrings.of_member(each),
                    "yes" if each.is_bad else "no",
                )
                for each in Outcome
            ),
        ),
        WHY_UNSUPPORTED.strip(),
        "## Exit codes",
        table(("status", "meaning"), ((code(status), meaning) for status, meaning in EXITS)),
        *(_told(title, kind) for title, kind in KINDS.items()),
    )


def _told(title: str, kind: type[Enum]) -> str:
    """A chapter of one enum, which says itself what it is about."""
    rows = [(code(each.value), docstrings.of_member(each)) for each in kind]
    about = plain((kind.__doc__ or "").strip())
    return f"## {title}\n\n{about}\n\n{table(('name', 'meaning'), rows)}"
