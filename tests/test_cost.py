"""What a sandbox costs its node, by part."""

from __future__ import annotations

import pytest

from lab import cost, processes
from lab.cost import PARTS, between, threads

AFTER_S = 100.0
"""Ticks between the readings: one second."""


def stat(pid: int, name: str, *, user: int, system: int = 0, guest: int = 0) -> str:
    fields = [1, *[0] * 9, user, system, 0, 0, 20, 0, 1, 0, 700, *[0] * 20, guest, 0]
    return f"{pid} ({name}) S {' '.join(map(str, fields))}"


def table(*stats: str) -> processes.Table:
    return processes.parse(stats)


def worker(process: int, ticks: int) -> cost.Threads:
    return threads({f"/proc/{process}/task/91/stat": [stat(91, "vhost-90", user=0, system=ticks)]})


def test_guest_time_is_field_43_of_proc_5() -> None:
    (process,) = table(stat(90, "qemu-system-x86", user=50, guest=30)).values()

    assert process.guest_ticks == 30
    assert stat(90, "q", user=0, guest=30).replace("(q)", "q").split()[42] == "30"


def test_time_is_split_by_who_spent_it() -> None:
    before = table(stat(90, "qemu-system-x86", user=100, guest=60), stat(95, "virtiofsd", user=10))
    after = table(
        stat(90, "qemu-system-x86", user=190, system=20, guest=110),
        stat(95, "virtiofsd", user=25),
        stat(96, "virtiofsd", user=5),
    )

    spent = between((before, worker(90, 10)), (after, worker(90, 40)), ticks=AFTER_S)

    assert spent == {"qemu": 0.8, "guest": 0.5, "vmm": pytest.approx(0.3), "vhost": 0.3,
                     "virtiofsd": 0.2}  # fmt: skip


def test_workers_that_are_the_kernels_are_not_taken_off() -> None:
    before = table(stat(90, "qemu-system-x86", user=100, guest=60))
    after = table(stat(90, "qemu-system-x86", user=150, guest=90))

    spent = between((before, worker(91, 10)), (after, worker(91, 40)), ticks=AFTER_S)

    assert (spent["qemu"], spent["vhost"]) == (0.5, 0.3)


def test_an_emulators_guest_is_not_told_from_itself() -> None:
    before, after = (table(stat(90, "qemu-system-x86", user=ticks)) for ticks in (10, 90))

    spent = between((before, {}), (after, {}), ticks=AFTER_S)

    assert (spent["qemu"], spent["guest"], spent["vmm"]) == (0.8, None, None)


@pytest.mark.parametrize("ticks", [None, 0.0, AFTER_S])
def test_without_a_machine_nothing_is_known(ticks: float | None) -> None:
    made = table(stat(95, "virtiofsd", user=10))

    assert between((made, {}), (made, {}), ticks=ticks) == dict.fromkeys(PARTS)


@pytest.mark.parametrize("text", ["", "91 (vhost-90) S 1 2", "91 (kvm) S 1", "x"])
def test_what_is_no_worker_is_left_out(text: str) -> None:
    assert threads({"/proc/90/task/91/stat": [text], "/proc/90/stat": [text]}) == {}
