"""Cells that are held to a share of what their plain cell has shown."""

from __future__ import annotations

import msgspec
import pytest

from lab.bench import NotMeasuredError
from lab.handicap import TOWARDS_NODE
from lab.matrix import Cell
from lab.outcome import Outcome
from lab.sample import Better, Metric, Sample
from lab.units import Unit
from tests.bench.rig import TCFILTER, Rig, boot
from tests.bench.test_end import BURNT
from tests.runtime.fake_node import completed, gathered

HANDICAP = f"{TCFILTER}+handicap"


def show(
    rig: Rig,
    *,
    cell: str = TCFILTER,
    number: int = 1,
    metric: str = "tcp_out_goodput",
    value: float = 100e6,
    attempt: int = 1,
    noise: dict[str, float | None] | None = None,
) -> None:
    """A sample of the plain cell, as a scenario would have recorded it."""
    rig.store.add_sample(
        Sample(
            metric=Metric(metric, Unit.BIT_PER_SECOND, Better.HIGHER, metric),
            value=value, cell=cell, round=number, position=1, boot=cell, scenario="a",
            started="", elapsed_s=1.0, raw=None, noise=noise or {}, attempt=attempt,
        )
    )  # fmt: skip


TBF = '[{"kind": "tbf", "options": {"rate": 11784942, "burst": 131062}}]'


def test_a_handicap_is_held_before_it_is_proven_and_its_limit_is_evidence(rig: Rig) -> None:
    show(rig)
    show(rig, metric="random_read_4k")
    rig.node.reply("qdisc show", gathered({TOWARDS_NODE: TBF}))

    sandbox = rig.bench.open(boot(HANDICAP))

    assert sandbox.cell == Cell.parse(TCFILTER), "an ordinary sandbox of its plain cell"
    (evidence,) = rig.evidence(HANDICAP)
    assert evidence.facts[-1].subject == TOWARDS_NODE
    assert evidence.facts[-1].holds
    assert evidence.raw[TOWARDS_NODE].strip() == TBF
    assert any("tbf rate 94279539bit" in line for line in rig.node.ran)
    assert rig.bench.job_limits_iops == {"random-read": 90_000_000}
    rig.bench.close()
    assert rig.bench.job_limits_iops == {}
    assert [each.facts[-1].subject for each in rig.evidence(HANDICAP)] == [TOWARDS_NODE] * 2


def test_a_limit_that_is_not_in_effect_makes_a_handicap_invalid(rig: Rig) -> None:
    show(rig)
    rig.node.reply("qdisc show", gathered({TOWARDS_NODE: "[]"}))

    with pytest.raises(NotMeasuredError, match="limit towards the node: expected tbf") as caught:
        rig.bench.open(boot(HANDICAP))

    assert caught.value.outcome is Outcome.INVALID


def test_a_handicap_is_held_to_what_its_cell_has_shown_in_this_round_or_not_run(rig: Rig) -> None:
    show(rig, number=2)
    show(rig, cell=f"{TCFILTER}+twin")

    with pytest.raises(NotMeasuredError, match="has shown nothing in round 1") as caught:
        rig.bench.open(boot(HANDICAP))

    assert caught.value.outcome is Outcome.NOT_RUN
    rig.bench.close()
    assert rig.told()[-1] == "boot3 stop"


def test_a_handicap_is_held_to_the_attempt_that_counts(rig: Rig) -> None:
    show(rig, value=7e6, noise=BURNT)
    show(rig, value=100e6, attempt=2)
    rig.node.reply("qdisc show", gathered({TOWARDS_NODE: TBF}))

    rig.bench.open(boot(HANDICAP))

    assert any("tbf rate 94279539bit" in line for line in rig.node.ran)


def test_a_sandbox_that_is_made_again_has_a_name_of_its_own_and_the_same_address(rig: Rig) -> None:
    first = boot()

    rig.bench.open(first)
    rig.bench.close()
    rig.bench.open(msgspec.structs.replace(first, id=f"{first.id}-a2", attempt=2))

    assert [(made.id, made.number) for made in rig.made] == [("boot3", 3), ("boot3-2", 3)]


def test_a_node_that_cannot_hold_a_handicap_is_the_benchs_fault(rig: Rig) -> None:
    show(rig)
    rig.node.reply("qdisc replace", completed(status=2, stderr="Unknown qdisc"))

    with pytest.raises(NotMeasuredError) as caught:
        rig.bench.open(boot(HANDICAP))

    assert caught.value.outcome is Outcome.INFRA


def test_the_sandbox_after_a_handicap_is_not_held(rig: Rig) -> None:
    show(rig)
    rig.node.reply("qdisc show", gathered({TOWARDS_NODE: TBF}))
    rig.bench.open(boot(HANDICAP))
    rig.bench.close()
    rig.node.ran.clear()

    rig.bench.open(boot(f"{TCFILTER}+twin"))

    assert not any("qdisc" in line for line in rig.node.ran)
    (evidence,) = rig.evidence(f"{TCFILTER}+twin")
    assert TOWARDS_NODE not in evidence.raw
