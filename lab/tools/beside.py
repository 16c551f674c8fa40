"""Two tools at once in one command: a load, and the probe that is measured beside it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from lab.errors import ToolOutputError
from lab.tools.output import KEPT

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOAD_OUTPUT = "=====lab: the load was running still: "
_SCRIPT = """\
output=$(mktemp)
{load} >"$output" &
load=$!
{probe}
status=$?
if kill "$load" 2>/dev/null; then running=yes; else running=no; fi
wait "$load"
printf '\\n{frame}%s\\n' "$running"
cat "$output"
rm -f "$output"
exit "$status"
"""


def beside(load: Sequence[str], probe: Sequence[str]) -> list[str]:
    """
    Run *probe* to its end while *load* runs, and then end the load (SIGTERM).

    One command, because each costs a round trip, and because only a shell beside the two can
    tell whether the load outlasted the probe. The exit status is the probe's.
    """
    script = _SCRIPT.format(load=shlex.join(load), probe=shlex.join(probe), frame=_LOAD_OUTPUT)
    return ["sh", "-c", script]


def split(text: str) -> tuple[str, str]:
    """
    What the load and what the probe printed, from the output of :func:`beside`.

    Raises:
        ToolOutputError: if the load ended before the probe did, so that part of what was
            measured was not under load.
    """
    probe, frame, rest = text.partition(f"\n{_LOAD_OUTPUT}")
    running, _, load = rest.partition("\n")
    if not frame:
        raise ToolOutputError("the load and its probe did not run to their end", remedy=KEPT)
    if running != "yes":
        raise ToolOutputError("the load ended before the probe that was to feel it", remedy=KEPT)
    return load, probe
