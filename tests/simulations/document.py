"""docs/statistics.md, from the simulations: no figure in it is typed."""

from __future__ import annotations

import textwrap
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.simulations.error_rates import coverage, false_alarms
from tests.simulations.families import controls, findings, gates
from tests.simulations.nights import matrix, nights
from tests.simulations.order import orders
from tests.simulations.powers import powers
from tests.simulations.shapes import flags
from tests.simulations.stopping import stopping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.simulations.section import Check, Section

PATH = Path(__file__).parents[2] / "docs/statistics.md"
SECTIONS: tuple[Callable[[], Section], ...] = (
    false_alarms,
    coverage,
    powers,
    gates,
    findings,
    orders,
    stopping,
    nights,
    matrix,
    controls,
    flags,
)
"""In the order of the document. Each computes its section when it is called."""

WIDTH = 100
INTRODUCTION = """
# How often the lab is wrong

Made by `nox -s statistics`, which runs the simulations of `tests/simulations/` through the lab's
own code (`lab.stats`, `lab.analysis`, `lab.history`); do not edit it. Seeds follow from the names
of what is simulated, so the same code makes the same page, with the numpy and scipy of
`requirements/`.

What is simulated is noise whose size is an assumption; real boots can be worse. What a run says of
its own twin and handicap is measured, and counts for more.

Bands are 3.29 standard deviations of a share of 2000: a true rate leaves its band once in a
thousand times. More campaigns than 2000 measure better and do not narrow the band.

Elsewhere, in every run of the unit tests: what must not change a result (S8,
`tests/stats/test_invariances.py`), bad data that must have a name (S9,
`tests/stats/test_effect.py`, `tests/analysis/test_analyse.py`), the same bytes from the same files
(S10, `tests/analysis/test_determinism.py`), and the same numbers as R, scipy and statsmodels (S13,
`tests/stats/test_cross_checks.py`).
"""


@cache
def computed(section: Callable[[], Section]) -> Section:
    """The section, made once."""
    return section()


def text() -> str:
    """The whole document."""
    sections = [computed(section) for section in SECTIONS]
    parts = [INTRODUCTION.strip(), *(part for each in sections for part in _section(each))]
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> Iterator[str]:
    yield f"## {section.goal}. {section.title}"
    # A figure and its sign stay on one line.
    text = section.text.replace(" %", "~%")
    yield textwrap.fill(text, WIDTH, break_on_hyphens=False).replace("~%", " %")
    yield _table(section.header, section.rows)
    if missed := section.missed:
        yield "**Outside the band:** " + "; ".join(map(_told, missed)) + "."
    else:
        yield f"All {len(section.checks)} figures that have a band are in it."


def _told(check: Check) -> str:
    return f"{check.name}: {check.value:.2%} is not in {check.low:.2%} to {check.high:.2%}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
