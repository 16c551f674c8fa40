"""
tcfilter-matchall: Kata's tcfilter, with the classifier that is made for matching everything.

Kata matches all with ``u32 match u8 0 0``; matchall does the same without looking at a packet
(tc-matchall(8)). Everything else is tcfilter's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.network import model, tcfilter
from lab.outcome import Fact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.network.pod import Pod

MEANING = "veth and tap, joined by tc matchall"
EXPECTATIONS = """
[[expectation]]
runtime = "reference"
network = ["tcfilter-matchall"]
expect = "works"
source = "own_backend/network.py"
"""

EXPECTED = tcfilter.EXPECTED
OUTSIDE = tcfilter.OUTSIDE

tap = tcfilter.tap
questions = tcfilter.questions


def wire(pod: Pod) -> tuple[str, ...]:
    """As tcfilter, with the other classifier."""
    return tuple(line.replace("u32 match u8 0 0", "matchall") for line in tcfilter.wire(pod))


def facts(pod: Pod, answers: Mapping[str, str]) -> Iterator[Fact]:
    """What proves tcfilter but for its classifier, and that both redirects are matchall's."""
    redirects = {f"redirect of {source} to {target}" for source, target in model.REDIRECTS}
    yield from (fact for fact in tcfilter.facts(pod, answers) if fact.subject not in redirects)
    for source, target in model.REDIRECTS:
        text = answers[model.filters(source)]
        holds = "matchall" in text and f"mirred (Egress Redirect to device {target})" in text
        yield Fact(
            subject=f"redirect of {source} to {target}",
            source=model.filters(source),
            expected="matchall, mirred egress redirect",
            observed="as expected" if holds else " ".join(text.split())[:200] or "none",
            holds=holds,
            count=tcfilter.redirected_packets(text),
        )
