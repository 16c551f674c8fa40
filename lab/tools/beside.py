"""Two tools at once in one command: a load, and the probe that is measured beside it."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from lab.errors import ToolOutputError
from lab.network.pod import INTERFACE
from lab.tools.output import KEPT

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST_BYTES = 1_000_000
"""A load that sends less beside its probe is none: the probe's own requests are a tenth of it."""

_FRAME = "=====lab: the load was "
_SCRIPT = """\
sent() {{ cat /sys/class/net/{interface}/statistics/tx_bytes; }}
{load} >/dev/null 2>&1 &
load=$!
before=$(sent)
{probe}
status=$?
after=$(sent)
if kill -9 "$load" 2>/dev/null; then state=running; else state=over; fi
wait "$load"
printf '\\n{frame}%s, sent %s bytes\\n' "$state" $((after - before))
exit "$status"
"""
_VERDICT = re.compile(
    rf"^{_FRAME}(?P<state>running|over), sent (?P<bytes>\d{{1,18}}) bytes$", re.MULTILINE
)


def beside(load: Sequence[str], probe: Sequence[str], *, interface: str = INTERFACE) -> list[str]:
    """
    Run *probe* to its end while *load* runs and sends on *interface*, and then end the load.

    One command, because each costs a round trip, and because only a shell beside the two can
    tell whether the load outlasted the probe. The load is killed, not asked: iperf3 3.18 may
    hang for good when it is asked (seen once in some thirty runs), so what it moved is read
    from the interface and not from its report. The exit status is the probe's.
    """
    script = _SCRIPT.format(
        interface=interface, load=shlex.join(load), probe=shlex.join(probe), frame=_FRAME
    )
    return ["sh", "-c", script]


def probed(text: str) -> str:
    """
    What the probe printed, from the output of :func:`beside`.

    Raises:
        ToolOutputError: if the load ended before the probe did, or sent next to nothing, so
            that what was measured was not under load.
    """
    verdict = _VERDICT.search(text)
    if verdict is None:
        raise ToolOutputError("the load and its probe did not run to their end", remedy=KEPT)
    if verdict["state"] != "running":
        raise ToolOutputError("the load ended before the probe that was to feel it", remedy=KEPT)
    if int(verdict["bytes"]) < LEAST_BYTES:
        raise ToolOutputError(
            f"the load sent only {verdict['bytes']} bytes beside its probe", remedy=KEPT
        )
    return text[: verdict.start()].removesuffix("\n")
