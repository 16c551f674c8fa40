"""By what rules the numbers were made: tests, thresholds, versions, and every departure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.plan import OF_THE_RUN
from lab.units import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.analysis.result import Analysis

CORRECTIONS = {
    "holm": "Holm: the chance of any false difference is at most",
    "benjamini-hochberg": "Benjamini and Hochberg: of the differences that are marked, false are"
    " at most",
}


def method(analysis: Analysis) -> tuple[tuple[str, str], ...]:
    """Each with a name and a sentence; nothing where no comparison was declared."""
    return tuple(_method(analysis)) if analysis.design.comparisons else ()


def _method(analysis: Analysis) -> Iterator[tuple[str, str]]:
    from lab.stats.effect import MIN_BOOTS  # noqa: PLC0415 - scipy is slow to import

    design = analysis.design
    yield (
        "Declared before the first sample",
        (
            f"{count(len(design.comparisons), 'comparison')}, on"
            f" {', '.join(design.primary) or 'no primary metric'}."
        ),
    )
    yield (
        "The test",
        (
            "Student's t on the logarithms of the ratios of each round (paired) if"
            f" {MIN_BOOTS} rounds have both sides, else Welch's on all boots; intervals of"
            f" {1 - analysis.alpha:.4g}; beside it Hodges and Lehmann's ratio with an exact rank"
            " test."
            f" Fewer than {MIN_BOOTS} boots of a side have no interval."
        ),
    )
    margins = "".join(f"; {name} {part:.2g}" for name, part in sorted(design.margins.items()))
    yield (
        "The margin",
        (
            f"{design.margin:.0%}{margins}: a difference is claimed if its interval excludes 1 and"
            " the ratio is beyond the margin; equivalence, if the interval of two one-sided tests"
            " lies within it. All else is inconclusive."
        ),
    )
    for family in analysis.families:
        yield (
            f"Family {family.name}",
            (
                f"{count(family.size, 'p value')}; {CORRECTIONS[family.correction]}"
                f" {family.level:.0%}."
            ),
        )
    tests = sorted({each.role.value for each in design.comparisons if each.role in OF_THE_RUN})
    if tests:
        yield ("The run tests itself", f"by its {' and its '.join(tests)}.")
    yield (
        "Rules of contamination",
        (
            f"version {analysis.rules}; declared was {design.rules or 'none'}. Contaminated samples"
            " are in no number, and on record."
        ),
    )
