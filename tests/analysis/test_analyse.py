"""From samples to what a run says."""

from __future__ import annotations

import dataclasses
import math
import random
from typing import TYPE_CHECKING

import msgspec
import pytest

from lab.analysis import Analysis, ControlStatus, Correction, Mark, analyse
from lab.plan import Ordering, Role
from lab.run import Run
from lab.sample import Better, Metric
from lab.stats.effect import Flag, compare
from lab.stats.verdict import Verdict
from lab.units import Unit
from tests.campaigns import STOLEN, campaign
from tests.fake_run import repeated

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lab.sample import Sample

GOODPUT = Metric("tcp_out_goodput", Unit.BIT_PER_SECOND, Better.HIGHER, "TCP")
LATENCY = Metric("tcp_round_trip_p50", Unit.SECOND, Better.LOWER, "round trip")
LOSS = Metric("udp_out_loss", Unit.RATIO, Better.LOWER, "loss")
PRIMARY = (GOODPUT.name, LATENCY.name)

RUNC = "veth+overlayfs+runc"
BASE = "tcfilter+virtiofs+reference"
OTHER = "macvtap+virtiofs+reference"
TWIN = f"{BASE}+twin"
HANDICAP = f"{BASE}+handicap"


def noisy(level: float, seed: int, *, rounds: int = 10, sd: float = 0.01) -> list[float]:
    generator = random.Random(seed)  # noqa: S311 - invented figures
    return [level * generator.lognormvariate(0, sd) for _ in range(rounds)]


def table(other: float = 1.0, *, rounds: int = 10) -> dict[str, dict[Metric, Sequence[float]]]:
    """Equal cells, but for *other*, which is better or worse by that factor in both metrics."""
    levels = {RUNC: 20.0, BASE: 1.0, OTHER: other, TWIN: 1.0, HANDICAP: 0.9}
    return {
        cell: {
            GOODPUT: noisy(1e9 * level, 2 * place, rounds=rounds),
            LATENCY: noisy(1e-4 / level, 2 * place + 1, rounds=rounds),
        }
        for place, (cell, level) in enumerate(levels.items())
    }


def changed(run: Run, change: Callable[[Sample], Sample | None]) -> Run:
    """The same run with other samples."""
    samples = tuple(each for old in run.samples if (each := change(old)) is not None)
    return dataclasses.replace(run, samples=samples)


def verdicts(analysis: Analysis, cell: str, baseline: str = BASE) -> dict[str, Verdict]:
    return {
        each.metric: each.effect.verdict
        for each in analysis.effects
        if (each.cell, each.baseline) == (cell, baseline)
    }


def names(analysis: Analysis) -> list[str]:
    return [caution.name for caution in analysis.cautions]


def test_declared_comparisons_are_made_by_role_and_metric() -> None:
    analysis = analyse(campaign(table(other=0.8), primary=PRIMARY))

    made = {(each.cell, each.baseline, each.role, each.metric) for each in analysis.effects}
    assert made == {
        (cell, baseline, role, metric)
        for cell, baseline, role in (
            (OTHER, BASE, Role.BASELINE),
            (BASE, RUNC, Role.CONTROL),
            (OTHER, RUNC, Role.CONTROL),
            (TWIN, BASE, Role.TWIN),
            (HANDICAP, BASE, Role.HANDICAP),
        )
        for metric in PRIMARY
    }
    assert verdicts(analysis, OTHER) == dict.fromkeys(PRIMARY, Verdict.WORSE)
    assert verdicts(analysis, TWIN) == dict.fromkeys(PRIMARY, Verdict.EQUIVALENT)
    assert verdicts(analysis, HANDICAP) == dict.fromkeys(PRIMARY, Verdict.WORSE)
    assert analysis.twin.status is ControlStatus.OK
    assert analysis.handicap.status is ControlStatus.FOUND
    assert analysis.handicap.differing == PRIMARY
    assert analysis.cautions == ()
    assert analysis.departures == ()


def test_an_effect_is_what_compare_says_of_the_boots() -> None:
    values = table(other=0.8)
    effect = analyse(campaign(values, primary=PRIMARY)).effect(OTHER, BASE, GOODPUT.name)

    assert effect is not None
    assert effect.effect == pytest.approx(effect.effect)
    by_round = [dict(enumerate(values[cell][GOODPUT], start=1)) for cell in (OTHER, BASE)]
    expected = compare(*by_round, better=Better.HIGHER)
    assert effect.effect.ratio == pytest.approx(expected.ratio, rel=1e-12)
    assert effect.effect.p == pytest.approx(expected.p, rel=1e-9)
    assert effect.with_contaminated is None


def test_iterations_are_averaged_within_their_boot() -> None:
    """Five iterations a boot are no more boots than one."""
    single = {BASE: {GOODPUT: noisy(1e9, 1)}, OTHER: {GOODPUT: noisy(1e9, 2)}}
    apart = {
        cell: {metric: [(v * 0.5, v, v * 2.0) for v in values] for metric, values in mine.items()}
        for cell, mine in single.items()
    }

    one = analyse(campaign(single)).effects[0].effect
    many = analyse(campaign(apart)).effects[0].effect

    assert many.boots == one.boots == 10
    assert many.p == pytest.approx(one.p)
    assert many.low == pytest.approx(one.low)


def test_the_gate_is_held_by_holm_and_the_rest_is_explored() -> None:
    values = table(other=0.8)
    analysis = analyse(campaign(values, primary=[GOODPUT.name]))

    families = {each.name: each for each in analysis.families}
    assert families["gate"].correction is Correction.HOLM
    assert families["gate"].size == 1
    assert families["gate"].level == 0.05
    assert families["explored: control"].correction is Correction.BENJAMINI_HOCHBERG
    assert families["explored: control"].size == 4
    assert families["explored: baseline"].size == 1
    marks = {
        (each.cell, each.baseline, each.metric): (each.family, each.mark)
        for each in analysis.effects
    }
    assert marks[OTHER, BASE, GOODPUT.name] == ("gate", Mark.GATE)
    assert marks[OTHER, BASE, LATENCY.name] == ("explored: baseline", Mark.EXPLORATORY)
    assert marks[OTHER, RUNC, GOODPUT.name] == ("explored: control", Mark.EXPLORATORY)
    assert marks[TWIN, BASE, GOODPUT.name] == ("twin", Mark.NONE)


def test_a_difference_that_holm_does_not_leave_is_not_marked() -> None:
    """Of many equal cells chance tells one apart; after the correction it counts for nothing."""
    storages = ("virtiofs", "9p", "devmapper", "virtiofs-dax", "pmem-dax", "devmapper-blk")
    cells = [
        f"{net}+{storage}+reference" for net in ("tcfilter", "macvtap") for storage in storages
    ]
    values = {
        cell: {GOODPUT: noisy(1e9, seed, sd=0.03, rounds=6)} for seed, cell in enumerate(cells, 30)
    }
    analysis = analyse(campaign(values, primary=[GOODPUT.name], margin=0.0))

    alone = [each for each in analysis.effects if each.role is Role.BASELINE and each.effect.p]
    assert any(each.effect.p < 0.05 for each in alone if each.effect.p)
    assert all(each.mark is Mark.NONE for each in alone)
    assert all(each.p_adjusted is not None for each in alone)


def test_a_twin_that_differs_makes_the_run_suspect() -> None:
    values = table()
    values[TWIN][GOODPUT] = noisy(0.9e9, 77)

    analysis = analyse(campaign(values, primary=PRIMARY))

    assert analysis.twin.status is ControlStatus.SUSPECT
    assert analysis.twin.differing == (GOODPUT.name,)
    assert names(analysis) == ["suspect"]


def test_a_handicap_that_is_not_found_makes_the_run_blunt() -> None:
    values = table()
    values[HANDICAP] = {metric: values[BASE][metric][::-1] for metric in (GOODPUT, LATENCY)}

    analysis = analyse(campaign(values, primary=PRIMARY))

    assert analysis.handicap.status is ControlStatus.MISSED
    assert names(analysis) == ["blunt"]


def test_a_handicap_that_is_better_is_not_found() -> None:
    values = table()
    values[HANDICAP] = {GOODPUT: noisy(1.2e9, 5), LATENCY: noisy(0.8e-4, 6)}

    assert analyse(campaign(values, primary=PRIMARY)).handicap.status is ControlStatus.MISSED


def test_one_round_says_nothing_of_the_controls() -> None:
    analysis = analyse(campaign(table(rounds=1), primary=PRIMARY))

    assert analysis.twin.status is ControlStatus.UNKNOWN
    assert analysis.twin.unknown == PRIMARY
    assert analysis.handicap.status is ControlStatus.UNKNOWN
    assert {each.effect.verdict for each in analysis.effects} == {Verdict.UNKNOWN}
    assert {each.effect.flags for each in analysis.effects} == {(Flag.TOO_FEW_BOOTS,)}
    assert {each.p_adjusted for each in analysis.effects} == {None}
    assert [each.text for each in analysis.cautions] == [
        "Nothing is compared: it takes 5 rounds, and there are 1."
    ]


def test_what_is_so_for_all_metrics_of_a_cell_is_said_once() -> None:
    run = campaign(table(), primary=PRIMARY)
    unmeasured = changed(run, lambda each: None if each.cell == OTHER else each)

    (caution,) = analyse(unmeasured).cautions

    assert (caution.name, caution.cell) == (Flag.TOO_FEW_BOOTS, OTHER)
    assert caution.text == "Without a valid sample: not compared."


def test_what_is_so_against_all_baselines_is_said_once() -> None:
    run = campaign(table(), primary=[GOODPUT.name])
    gone = changed(run, lambda each: None if each.cell == OTHER and each.round == 4 else each)

    (caution,) = analyse(gone).cautions

    assert caution.text == f"Against {BASE}, {RUNC}: a round is missing on one side."


def test_a_run_without_a_design_has_no_comparisons() -> None:
    analysis = analyse(campaign(table(), comparisons=()))

    assert analysis.effects == ()
    assert analysis.families == ()
    assert analysis.twin.status is analysis.handicap.status is ControlStatus.ABSENT
    assert len(analysis.summaries) == 10


def test_margins_are_by_metric() -> None:
    values = table(other=0.93)
    analysis = analyse(campaign(values, primary=PRIMARY, margins={GOODPUT.name: 0.15}))

    assert verdicts(analysis, OTHER) == {
        GOODPUT.name: Verdict.EQUIVALENT,
        LATENCY.name: Verdict.WORSE,
    }


def test_contaminated_samples_are_left_out_and_shown_besides() -> None:
    values = table()
    values[OTHER][GOODPUT] = [
        v * (0.5 if n in {2, 5} else 1.0) for n, v in enumerate(noisy(1e9, 3))
    ]

    def disturb(each: Sample) -> Sample:
        is_hit = each.cell == OTHER and each.round in {3, 6} and each.metric == GOODPUT
        return msgspec.structs.replace(each, noise=STOLEN) if is_hit else each

    analysis = analyse(changed(campaign(values, primary=PRIMARY), disturb))

    hit = analysis.effect(OTHER, BASE, GOODPUT.name)
    spared = analysis.effect(OTHER, BASE, LATENCY.name)
    assert hit is not None
    assert spared is not None
    assert hit.effect.boots == 8
    assert hit.effect.verdict is Verdict.EQUIVALENT
    assert set(hit.effect.flags) == {Flag.CONTAMINATED, Flag.MISSING_ROUND}
    assert hit.with_contaminated is not None
    assert hit.with_contaminated.boots == 10
    assert hit.with_contaminated.verdict is Verdict.INCONCLUSIVE
    assert spared.with_contaminated is None
    counted = {each.cell: each for each in analysis.contamination}
    assert counted[OTHER].samples == 20
    assert counted[OTHER].contaminated == 2
    assert counted[OTHER].rules == {"host_steal": 2}
    assert counted[BASE].contaminated == 0
    assert counted[BASE].unknown == 20, "most of the rules could not be asked"


def test_an_attempt_that_was_repeated_is_one_boot() -> None:
    """The contaminated attempt counts only where everything is shown."""

    def again(run: Run) -> Run:
        extra = tuple(
            msgspec.structs.replace(each, attempt=2, noise={}, value=each.value)
            for each in run.samples
            if each.cell == OTHER and each.round == 3
        )
        spoilt = changed(
            run,
            lambda each: (
                msgspec.structs.replace(each, noise=STOLEN, value=each.value * 0.5)
                if each.cell == OTHER and each.round == 3 and each.metric == GOODPUT
                else each
            ),
        )
        return dataclasses.replace(spoilt, samples=spoilt.samples + extra)

    run = campaign(table(), primary=PRIMARY)
    before, after = (analyse(each).effect(OTHER, BASE, GOODPUT.name) for each in (run, again(run)))

    assert before is not None
    assert after is not None
    assert after.effect.ratio == before.effect.ratio
    assert after.effect.flags == (Flag.CONTAMINATED,)
    assert after.with_contaminated is not None
    assert after.with_contaminated.ratio != before.effect.ratio


BAD: dict[str, tuple[Flag, Callable[[Sample], Sample | None]]] = {
    "too few boots": (
        Flag.TOO_FEW_BOOTS,
        lambda each: None if each.cell == OTHER and each.round > 4 else each,
    ),
    "no sample at all": (Flag.TOO_FEW_BOOTS, lambda each: None if each.cell == OTHER else each),
    "zero variance": (
        Flag.NO_VARIANCE,
        lambda each: msgspec.structs.replace(each, value=1.0) if each.cell == OTHER else each,
    ),
    "NaN": (
        Flag.NOT_A_NUMBER,
        lambda each: (
            msgspec.structs.replace(each, value=math.nan)
            if each.cell == OTHER and each.round == 2
            else each
        ),
    ),
    "a zero": (
        Flag.NOT_POSITIVE,
        lambda each: (
            msgspec.structs.replace(each, value=0.0)
            if each.cell == OTHER and each.round == 2
            else each
        ),
    ),
    "missing rounds": (
        Flag.MISSING_ROUND,
        lambda each: None if each.cell == OTHER and each.round > 4 else each,
    ),
    "every sample contaminated": (
        Flag.ALL_CONTAMINATED,
        lambda each: msgspec.structs.replace(each, noise=STOLEN) if each.cell == OTHER else each,
    ),
    "two configurations": (
        Flag.MIXED_CONFIGURATIONS,
        lambda each: (
            msgspec.structs.replace(
                each, conditions={"version of iperf3": "3.18" if each.round > 2 else "3.12"}
            )
            if each.cell == OTHER
            else each
        ),
    ),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_samples_have_a_name_and_no_number(bad: str) -> None:
    flag, spoil = BAD[bad]

    analysis = analyse(changed(campaign(table(other=0.8), primary=PRIMARY), spoil))

    for metric in PRIMARY:
        found = analysis.effect(OTHER, BASE, metric)
        assert found is not None
        assert flag in found.effect.flags
        assert found.effect.verdict is Verdict.UNKNOWN
        assert found.effect.ratio is found.effect.low is found.effect.high is found.effect.p is None
        assert found.effect.smallest_detectable is None
        assert found.p_adjusted is None
        assert found.mark is Mark.NONE
    assert flag in names(analysis)
    assert analysis.twin.status is ControlStatus.OK, "other cells are none of its business"


def test_one_missing_round_is_named_and_the_others_are_compared() -> None:
    run = campaign(table(other=0.8), primary=PRIMARY)
    gone = changed(run, lambda each: None if each.cell == OTHER and each.round == 4 else each)

    analysis = analyse(gone)

    found = analysis.effect(OTHER, BASE, GOODPUT.name)
    assert found is not None
    assert found.effect.boots == 9
    assert Flag.MISSING_ROUND in found.effect.flags
    assert found.effect.verdict is Verdict.WORSE
    assert Flag.MISSING_ROUND in names(analysis)


def test_a_cell_of_two_configurations_is_told_with_what_varies() -> None:
    _, spoil = BAD["two configurations"]

    analysis = analyse(changed(campaign(table(), primary=PRIMARY), spoil))

    told = [each.text for each in analysis.cautions if not each.metric]
    assert told == [
        f"{OTHER} varies in version of iperf3: 3.18 in 8, 3.12 in 2 of its boots",
    ]


def test_values_that_may_be_zero_are_summed_up_but_not_compared() -> None:
    losses = [0.0, 0.01, 0.0, 0.02, 0.0, 0.01]
    values = {cell: {LOSS: losses} for cell in (BASE, OTHER)}
    analysis = analyse(campaign(values))

    summary = next(each for each in analysis.summaries if each.metric == LOSS.name)
    assert summary.centre == pytest.approx(0.04 / 6)
    assert summary.boot_sd is None
    effect = analysis.effect(OTHER, BASE, LOSS.name)
    assert effect is not None
    assert effect.effect.flags == (Flag.NOT_POSITIVE,)


def test_one_zero_among_iterations_is_not_averaged_away() -> None:
    iterations = [(value, 0.0 if n == 3 else value) for n, value in enumerate(noisy(1e9, 2))]
    values = {cell: {GOODPUT: iterations} for cell in (BASE, OTHER)}

    assert analyse(campaign(values)).effects[0].effect.flags == (Flag.NOT_POSITIVE,)


def test_a_summary_takes_the_spread_apart() -> None:
    generator = random.Random(5)  # noqa: S311 - invented figures
    values = [
        tuple(boot * generator.lognormvariate(0, 0.01) for _ in range(3))
        for boot in noisy(1e9, 8, rounds=200, sd=0.04)
    ]
    summary = analyse(campaign({BASE: {GOODPUT: values}})).summaries[0]

    assert summary.boots == 200
    assert summary.samples == 600
    assert summary.centre == pytest.approx(1e9, rel=0.01)
    assert summary.boot_sd == pytest.approx(0.04, rel=0.15)
    assert summary.iteration_sd == pytest.approx(0.01, rel=0.1)
    assert summary.icc == pytest.approx(0.94, abs=0.02)
    assert summary.recommended_iterations == 1


def test_a_sequential_order_is_not_paired_and_warned_of() -> None:
    run = campaign(table(other=0.8), primary=PRIMARY, ordering=Ordering.SEQUENTIAL)

    analysis = analyse(run)

    assert "sequential-order" in names(analysis)
    assert all(Flag.UNPAIRED in each.effect.flags for each in analysis.effects)


def test_a_run_judged_by_other_rules_than_it_declared_says_so() -> None:
    assert "other-rules" in names(analyse(campaign(table(), rules=999)))


def test_what_reading_the_run_forgave_is_kept() -> None:
    run = dataclasses.replace(campaign(table()), warnings=("samples.jsonl: a torn line",))

    assert "damaged" in names(analyse(run))


def test_a_run_in_which_boots_stay_contaminated_says_so(tmp_path: Path) -> None:
    run = Run.load(repeated().write(tmp_path))

    (caution,) = [each for each in analyse(run).cautions if each.name == "degraded"]

    assert caution.text == run.degradation
    assert (caution.cell, caution.metric) == ("", "")
