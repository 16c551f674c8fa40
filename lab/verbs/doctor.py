"""`lab doctor`: what this machine offers and lacks, and what of it the lab can mend itself."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING

from lab.verbs.parser import BAD, OK, Group

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from lab.doctor import Finding
    from lab.verbs.parser import Verbs

WIDTH = 80


def add(verbs: Verbs) -> None:
    """Offer it."""
    one = verbs.add(
        "doctor", _doctor, "say what this machine offers and what it lacks", group=Group.SET_UP
    )
    one.add_argument(
        "--try",
        dest="tries_kvm",
        action="store_true",
        help="boot the node's kernel under KVM, if no run has yet",
    )
    how = one.add_mutually_exclusive_group()
    how.add_argument(
        "--fix", action="store_true", help="do what is safe of what mends it, then look again"
    )
    how.add_argument("--json", action="store_true", help="all of it, for programs")


def _doctor(arguments: argparse.Namespace) -> int:
    from lab import doctor  # noqa: PLC0415 - the quick verbs must stay quick
    from lab.doctor import State  # noqa: PLC0415

    findings = doctor.examine(tries_kvm=arguments.tries_kvm)
    if arguments.fix and any(finding.fix for finding in findings):
        doctor.mend(findings, say=print)
        findings = doctor.examine(tries_kvm=arguments.tries_kvm)
    print(_as_json(findings) if arguments.json else "\n".join(_lines(findings)))
    return BAD if any(finding.state is State.LACK for finding in findings) else OK


def _as_json(findings: Sequence[Finding]) -> str:
    return json.dumps(
        [
            {
                "subject": finding.subject,
                "state": finding.state,
                "fact": finding.fact,
                "why": finding.why,
                "unlocks": finding.unlocks,
                "mend": finding.mend,
                "fix": finding.fix.meaning if finding.fix else None,
            }
            for finding in findings
        ],
        indent=1,
    )


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    from lab import doctor  # noqa: PLC0415 - as above

    for finding in findings:
        yield from _wrapped(f"{finding.state:<4}  {finding.subject}: {finding.fact}", first="")
        yield from _wrapped(f"{finding.why} [{finding.unlocks}]")
        if finding.mend:
            yield from _wrapped(f"mend: {finding.mend}")
    if fixes := {finding.fix.meaning for finding in findings if finding.fix}:
        yield f"`lab doctor --fix` does: {'; '.join(sorted(fixes))}"
    yield doctor.summed_up(findings)


def _wrapped(text: str, *, first: str = "      ") -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent="        ",
        break_on_hyphens=False,
        break_long_words=False,
    )
