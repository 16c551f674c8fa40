"""`lab explain CELL`: what a cell is, its data path, what is expected of it, what was last seen."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

from lab.verbs.parser import OK, Group, add_output

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from lab.expectations import Expectation
    from lab.explain import Explanation, Seen
    from lab.verbs.parser import Verbs

WIDTH = 80
LABEL = 10
MOST_REASONS = 6
LONGEST = 400
"""Characters of a reason; the report has all of it."""


def add(verbs: Verbs) -> None:
    """Offer it."""
    one = verbs.add(
        "explain",
        _explain,
        "say what a cell is, its data path, what is expected of it, what was seen",
        group=Group.LOOK,
    )
    one.add_argument("cell", metavar="CELL", help="as in --cells, without wildcards")
    add_output(one, "where the runs are")


def _explain(arguments: argparse.Namespace) -> int:
    from lab.explain import explain  # noqa: PLC0415 - the quick verbs must stay quick
    from lab.text import clean  # noqa: PLC0415

    found = explain(arguments.cell, arguments.output)
    for line in _lines(found, is_ascii=not _takes_lines()):
        print(clean(line))
    return OK


def _takes_lines() -> bool:
    """Whether what is printed to can show more than ASCII."""
    try:
        "─●".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _lines(found: Explanation, *, is_ascii: bool) -> Iterator[str]:
    yield str(found.cell)
    for axis, name, paragraphs in found.axes:
        yield ""
        yield f"{axis:<{LABEL}}{name}"
        for paragraph in paragraphs:
            yield from _wrapped(paragraph)
    yield ""
    yield from _expected(found)
    yield ""
    yield from _last_seen(found, is_ascii=is_ascii)


def _expected(found: Explanation) -> Iterator[str]:
    version = f" {found.version}" if found.version else ""
    yield f"expected of {found.cell.runtime}{version}"
    yield from _wrapped(str(found.expected))
    for line in found.expected.lines:
        yield from _wrapped(f"{_axis_of(line)}: {line.source}")
    for line in found.elsewhere:
        versions = " and ".join(
            f"{word} {version}"
            for word, version in (("since", line.since), ("before", line.before))
            if version
        )
        text = f" with {line.text!r}" if line.text else ""
        yield from _wrapped(f"{_axis_of(line)}, {versions}: {line.expect}{text} ({line.source})")
    if found.control:
        yield from _wrapped(f"read against {found.control}")


def _axis_of(line: Expectation) -> str:
    return " and ".join(
        axis for axis, names in (("network", line.network), ("storage", line.storage)) if names
    )


def _last_seen(found: Explanation, *, is_ascii: bool) -> Iterator[str]:
    seen = found.seen
    if seen is None:
        yield "last seen: in no run here"
    else:
        yield from _of_run(seen)
    if seen and seen.path:
        from lab.report.path import path_text  # noqa: PLC0415

        yield ""
        yield f"its data path, as read in {seen.boot} {seen.path.phase} the measurements"
        yield ""
        yield from path_text(seen.path, WIDTH, is_ascii=is_ascii).splitlines()
    else:
        yield from _wrapped("a data path is drawn of what was read of a sandbox, and none was yet")
        yield from _wrapped(f"lab matrix --cells {found.cell} --profile smoke")
    if found.wiring:
        yield ""
        yield "what the reference runtime wires for such a path"
        for line in found.wiring:
            yield from _wrapped(line, further="    ")


def _of_run(seen: Seen) -> Iterator[str]:
    where = {True: ", on an emulated node", False: ", under KVM", None: ""}[seen.is_emulated]
    yield f"last seen in {seen.run}{where}"
    counts = ", ".join(f"{number} {outcome}" for outcome, number in seen.counts.items())
    yield from _wrapped(f"{counts or 'no outcome'}, of its scenarios")
    for outcome, reason in seen.reasons[:MOST_REASONS]:
        told = textwrap.shorten(reason, LONGEST, placeholder=" ...")
        yield from _wrapped(f"{outcome}: {told}")
    if more := seen.reasons[MOST_REASONS:]:
        yield from _wrapped(f"and {len(more)} more: see the report")


def _wrapped(text: str, *, further: str = "") -> Iterator[str]:
    if max(map(len, text.split())) > WIDTH - 2 * LABEL:
        text = text.replace(",", ", ")  # QEMU's options: a place to break the line at
    yield from textwrap.wrap(
        text,
        WIDTH,
        initial_indent="  " + " " * (len(text) - len(text.lstrip())),
        subsequent_indent=f"  {further}",
        break_on_hyphens=False,
        break_long_words=False,
    )
