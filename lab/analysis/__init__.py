"""
What the samples of a run say, and how far they can be believed: pure, and always the same.

Samples become boots (:mod:`lab.analysis.boots`), boots the declared comparisons
(:mod:`lab.stats.effect`), comparisons families (:mod:`lab.analysis.families`). Nothing is compared
that the plan did not declare, and nothing that is bad becomes a number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.analysis.boots import judged
from lab.analysis.cautions import cautions
from lab.analysis.departures import departures
from lab.analysis.effects import compared
from lab.analysis.families import adjusted, handicap, twin
from lab.analysis.result import (
    Analysis,
    Caution,
    Contaminated,
    Control,
    ControlStatus,
    Correction,
    Family,
    Mark,
    MetricEffect,
    Summary,
    from_json,
    to_json,
)
from lab.analysis.summaries import contamination, summaries
from lab.comparability import varying
from lab.contamination import RULES_VERSION
from lab.plan import Ordering
from lab.stats.precision import kept_alpha

if TYPE_CHECKING:
    from lab.run import Run

__all__ = [
    "Analysis",
    "Caution",
    "Contaminated",
    "Control",
    "ControlStatus",
    "Correction",
    "Family",
    "Mark",
    "MetricEffect",
    "Summary",
    "analyse",
    "from_json",
    "to_json",
]


def analyse(run: Run) -> Analysis:
    """Analyse *run* by the design that it declared; a run without one has no comparisons."""
    plan = run.header.plan
    design = plan.design
    alpha = kept_alpha(design.alpha, min_rounds=design.min_rounds, max_rounds=design.max_rounds)
    samples = judged(run.valid_samples)
    mixed = varying(run)
    unadjusted = compared(
        samples,
        plan,
        alpha=alpha,
        mixed={each.cell for each in mixed},
        same_rounds=plan.ordering is Ordering.SHUFFLED,
    )
    effects, families = adjusted(unadjusted, alpha=alpha, q=design.exploratory_q)
    negative, positive = twin(effects, design), handicap(effects, design)
    return Analysis(
        run=run.header.id,
        design=design,
        alpha=alpha,
        rules=RULES_VERSION,
        metrics=tuple(samples.metrics.values()),
        summaries=summaries(run, samples),
        families=families,
        effects=effects,
        contamination=contamination(plan.cell_names, samples),
        cautions=cautions(run, samples, mixed, effects, twin=negative, handicap=positive),
        departures=departures(run, effects),
        twin=negative,
        handicap=positive,
    )
