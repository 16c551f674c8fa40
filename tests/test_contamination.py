"""What disturbed a sample, as its noise alone tells."""

from __future__ import annotations

import math
import random

import pytest

from lab import contamination
from lab.contamination import RULES, Flag, judge, to_be_used
from tests.samples import sample

CLEAN = {rule.name: 0.0 for rule in RULES}
DIRTY = {**CLEAN, "host_foreign_cpu": 1.0}


def test_nothing_that_disturbs_is_clean() -> None:
    verdict = judge(CLEAN)

    assert not verdict.is_contaminated
    assert verdict.unknown == ()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_flags_what_is_above_its_limit_and_not_the_limit(
    rule: contamination.Rule,
) -> None:
    above = rule.limit + 0.01

    assert judge({**CLEAN, rule.name: rule.limit}).flags == ()
    assert judge({**CLEAN, rule.name: above}).flags == (Flag(rule.name, above, rule.limit),)


@pytest.mark.parametrize("value", [None, math.nan])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_what_is_not_known_is_unknown_and_neither_clean_nor_contaminated(
    rule: contamination.Rule, value: float | None
) -> None:
    verdict = judge({**CLEAN, rule.name: value})

    assert verdict.unknown == (rule.name,)
    assert not verdict.is_contaminated


def test_of_noise_that_nobody_read_everything_is_unknown() -> None:
    verdict = judge({})

    assert verdict.unknown == tuple(rule.name for rule in RULES)
    assert not verdict.is_contaminated


def test_what_a_measurement_does_by_itself_is_no_contamination() -> None:
    own = {
        "host_cpu_busy": 1.0, "host_cpu_pressure": 0.9, "node_io_pressure_full": 0.9,
        "host_load_1min": 40.0, "host_own_cpu": 2.0, "node_kernel_cpu": 1.0,
    }  # fmt: skip

    assert not judge({**CLEAN, **own}).is_contaminated


def test_a_rule_has_one_name_and_says_where_its_limit_is_from() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.source and rule.name.startswith(("host_", "node_")) for rule in RULES)


def test_a_flag_is_told_with_value_and_limit() -> None:
    assert str(judge({**DIRTY, "node_steal": 0.0345})) == (
        "node_steal 0.0345 > 0.02, host_foreign_cpu 1 > 0.25"
    )


@pytest.mark.parametrize(
    ("message", "is_chatter"),
    [
        (
            "kvm: kvm [367]: vcpu0, guest rIP: 0xffffffff81099068 Unhandled WRMSR(0xc0010007) =",
            True,
        ),
        ("kvm [4711]: vcpu1, guest rIP: 0xffffffff9 ignored rdmsr: 0x122 data 0x0", True),
        ("overlayfs: null uuid detected in lower fs '/', falling back to xino=off", True),
        ("TCP: eth0: Driver has suspect GRO implementation, TCP performance may be", True),
        ("[UFW BLOCK] IN=enp3s0 OUT= MAC=01:00:5e SRC=192.0.2.1", True),
        ("hrtimer: interrupt took 32398 ns", False),
        ("Buffer I/O error on dev dm-4, logical block 0, async page read", True),
        ("Buffer I/O error on dev dm-4, logical block 4711, lost async page write", False),
        ("mce: [Hardware Error]: Machine check events logged", False),
        ("watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [fio:812]", False),
        ("Out of memory: Killed process 812 (fio)", False),
    ],
)
def test_what_of_a_kernel_is_chatter(message: str, *, is_chatter: bool) -> None:
    assert contamination.is_chatter(message) is is_chatter


def values(*samples: tuple[int, float, bool]) -> list[float]:
    """The values to be used of samples given as attempt, value, and whether it is dirty."""
    made = [
        sample(value, attempt=attempt, noise=DIRTY if is_dirty else CLEAN)
        for attempt, value, is_dirty in samples
    ]
    return [each.value for each in to_be_used(made)]


@pytest.mark.parametrize(
    ("samples", "used"),
    [
        ([(1, 10.0, False)], [10.0]),
        ([(1, 10.0, True), (2, 20.0, False)], [20.0]),
        ([(1, 10.0, True), (2, 20.0, True), (3, 30.0, False)], [30.0]),
        ([(1, 10.0, True), (2, 20.0, True)], [20.0]),
        ([(1, 10.0, False), (2, 20.0, True)], [10.0]),
        ([(1, 10.0, False), (2, 20.0, False)], [20.0]),
        ([(1, 10.0, False), (1, 11.0, False)], [10.0, 11.0]),
        ([(1, 10.0, False), (1, 11.0, True), (2, 20.0, False), (2, 21.0, False)], [20.0, 21.0]),
        ([], []),
    ],
)
def test_the_last_attempt_without_contamination_counts(
    samples: list[tuple[int, float, bool]], used: list[float]
) -> None:
    assert values(*samples) == used


def test_attempts_are_chosen_for_each_cell_round_and_metric() -> None:
    made = [
        sample(1.0, round=1, attempt=1, noise=DIRTY),
        sample(2.0, round=1, attempt=2, noise=CLEAN),
        sample(3.0, round=2, attempt=1, noise=DIRTY),
        sample(4.0, round=1, attempt=1, noise=CLEAN, cell="veth+overlayfs+runc"),
    ]

    assert [each.value for each in to_be_used(made)] == [2.0, 3.0, 4.0]


def test_the_choice_does_not_look_at_values() -> None:
    generator = random.Random(7)  # noqa: S311 - no secret
    noises = [generator.choice([CLEAN, DIRTY, {}]) for _ in range(60)]

    def chosen(scale: float) -> list[int]:
        made = [
            sample(
                scale * generator.random(),
                round=n // 3,
                attempt=n % 3 + 1,
                noise=noise,
                boot=str(n),
            )
            for n, noise in enumerate(noises)
        ]
        return [int(each.boot) for each in to_be_used(made)]

    assert chosen(1.0) == chosen(1e9)
