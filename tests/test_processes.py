"""Whose CPU time it was, from two readings of all processes."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from lab import processes
from lab.processes import ON_NODE, Own, parse, shares
from tests.tools.captured import captured

LAB, QEMU = 22607, 22667
EMULATED = Own(pids=frozenset({LAB, QEMU}))
"""Of the recorded host: the lab, and the emulator of its node."""


def recorded(name: str) -> processes.Table:
    text = captured(f"noise/{name}.txt")
    return parse(re.findall(r"^/proc/\d+/stat:(.*)$", text, re.MULTILINE))


BEFORE, AFTER = recorded("6.18-host-before"), recorded("6.18-host-after")


@dataclass(frozen=True)
class P:
    """A process as a test writes it down."""

    pid: int
    name: str
    parent: int
    ticks: int
    of_children: int = 0
    began: int = 100

    def __str__(self) -> str:
        before = f"{self.pid} ({self.name}) S {self.parent} 1 1 0 -1 4194560 0 0 0 0"
        return f"{before} {self.ticks} 0 {self.of_children} 0 20 0 1 0 {self.began} 0 0"


ALWAYS = (P(1, "systemd", 0, 50), P(2, "kthreadd", 0, 0), P(9, "kworker/0:1", 2, 7))


def table(*made: P) -> processes.Table:
    known = {process.pid for process in made}
    return parse(str(each) for each in (*(p for p in ALWAYS if p.pid not in known), *made))


def test_a_stat_is_read_whatever_its_process_calls_itself() -> None:
    (process,) = parse([str(P(7, "a ) S (b", 3, 5, 6))]).values()

    assert (process.pid, process.name, process.parent) == (7, "a ) S (b", 3)
    assert process.ticks == 11


@pytest.mark.parametrize("text", ["", "7", "7 (a) S 1 2 3", "7 (a) S 1 x"])
def test_what_is_no_stat_is_left_out(text: str) -> None:
    assert parse([text]) == {}


def test_an_emulator_that_uses_nearly_all_of_a_host_is_the_labs_own() -> None:
    found = shares(BEFORE, AFTER, EMULATED)

    assert found == processes.Shares(own=808, foreign=2, kernel=3)


def test_somebody_who_burns_a_core_beside_it_is_seen() -> None:
    burner = next(iter(parse([str(P(31000, "burner", 1, 470, began=2503900))]).items()))

    found = shares(BEFORE, dict([*AFTER.items(), burner]), EMULATED)

    assert found is not None
    assert (found.own, found.foreign) == (808, 472)


def test_another_emulator_is_somebody_elses() -> None:
    found = shares(BEFORE, AFTER, Own(pids=frozenset({LAB})))

    assert found is not None
    assert found.foreign == 808


@pytest.mark.parametrize(
    ("before", "after", "own", "foreign"),
    [
        pytest.param(
            [P(10, "lab", 1, 30)], [P(10, "lab", 1, 35), P(11, "ssh", 10, 4)], 9, 0,
            id="what ours has started is ours",
        ),
        pytest.param(
            [P(10, "lab", 1, 30), P(11, "ssh", 10, 20)], [P(10, "lab", 1, 30, 26)], 6, 0,
            id="what has ended is in the figures of ours, less what it had used before",
        ),
        pytest.param(
            [P(10, "lab", 1, 30), P(11, "sh", 10, 5), P(12, "ssh", 11, 20)],
            [P(10, "lab", 1, 30, 31)], 6, 0,
            id="also if it was a grandchild",
        ),
        pytest.param(
            [P(10, "lab", 1, 30), P(20, "make", 1, 2), P(21, "cc", 20, 90)],
            [P(10, "lab", 1, 30), P(20, "make", 1, 2, 150)], 0, 60,
            id="what has ended under somebody else is somebody else's",
        ),
        pytest.param(
            [P(10, "lab", 1, 30), P(20, "make", 1, 5)],
            [P(10, "lab", 1, 30), P(20, "yes", 1, 3, began=777)], 0, 3,
            id="a pid that is used again is another process",
        ),
        pytest.param(
            [P(10, "lab", 1, 30), P(1, "systemd", 0, 50), P(21, "cc", 1, 900)],
            [P(10, "lab", 1, 30), P(1, "systemd", 0, 50), P(22, "burner", 1, 100)], 0, 100,
            id="an end that nobody waited for hides nothing",
        ),
        pytest.param(
            [P(10, "lab", 1, 30), P(20, "sh", 1, 1), P(21, "sh", 20, 1), P(22, "cc", 21, 9000)],
            [P(10, "lab", 1, 30), P(20, "sh", 1, 1), P(1, "systemd", 0, 50, 9041)], 0, 40,
            id="who waits may be another than the parent at first",
        ),
        pytest.param(
            [P(10, "lab", 1, 30), P(9, "kworker/0:1", 2, 7)],
            [P(10, "lab", 1, 30), P(9, "kworker/0:1", 2, 60)], 0, 0,
            id="the kernel is nobody",
        ),
        pytest.param(
            [P(10, "lab", 1, 30)],
            [P(10, "lab", 1, 30), P(30, "a", 31, 4), P(31, "b", 30, 5)], 0, 9,
            id="parents in a circle, from a reading that took its time",
        ),
    ],
)  # fmt: skip
def test_whose_it_was(before: list[P], after: list[P], own: int, foreign: int) -> None:
    found = shares(table(*before), table(*after), Own(pids=frozenset({10})))

    assert found is not None
    assert (found.own, found.foreign) == (own, foreign)


def test_the_kernels_time_is_told_apart() -> None:
    found = shares(table(), table(P(9, "kworker/0:1", 2, 60), P(8, "ksoftirqd/0", 2, 2)), Own())

    assert found is not None
    assert (found.kernel, found.foreign) == (55, 0)


@pytest.mark.parametrize(
    ("name", "parent", "is_own"),
    [
        ("qemu-system-x86", 1, True),
        ("virtiofsd", 1, True),
        ("iperf3", 40, True),
        ("containerd-shim", 1, True),
        ("etcd", 41, True),
        ("fio", 41, True),
        ("sshd-session", 39, True),
        ("systemd-udevd", 1, True),
        ("(udev-worker)", 42, True),
        ("yes", 40, False),
        ("yes", 1, False),
        ("apt-get", 1, False),
    ],
)
def test_on_a_node_what_nobody_asked_for_is_foreign(
    name: str, parent: int, *, is_own: bool
) -> None:
    around = (
        P(39, "sshd", 1, 3),
        P(40, "sshd-session", 39, 9),
        P(41, "containerd-shim", 1, 5),
        P(42, "systemd-udevd", 1, 8),
    )

    found = shares(table(*around), table(*around, P(50, name, parent, 25)), ON_NODE)

    assert found is not None
    assert (found.own, found.foreign) == ((25, 0) if is_own else (0, 25))


def test_what_has_ended_under_ssh_by_then_is_taken_for_the_labs() -> None:
    before = table(P(40, "sshd-session", 1, 9), P(41, "sh", 40, 2))
    after = table(P(40, "sshd-session", 1, 9, 62))

    found = shares(before, after, ON_NODE)

    assert found is not None
    assert (found.own, found.foreign) == (60, 0)


@pytest.mark.parametrize(
    "after",
    [
        pytest.param({}, id="nothing could be read"),
        pytest.param(parse([str(P(10, "lab", 1, 30))]), id="others cannot be seen"),
        pytest.param(parse(map(str, (P(10, "lab", 1, 30), P(2, "sh", 1, 3)))), id="in a container"),
        pytest.param(table(P(11, "other", 1, 3)), id="one of ours is gone"),
    ],
)
def test_who_cannot_see_everybody_does_not_know(after: processes.Table) -> None:
    assert shares(after, after, Own(pids=frozenset({10}))) is None


def test_the_busiest_of_the_others_are_named_first() -> None:
    before = table(P(10, "lab", 1, 30), P(20, "make", 1, 5))
    others = [P(pid, f"cc{pid}", 1, pid) for pid in range(30, 39)]
    after = table(P(10, "lab", 1, 90), P(20, "make", 1, 5), *others)

    found = processes.foreign(before, after, Own(pids=frozenset({10})))

    assert found == [(38, 38, "cc38"), (37, 37, "cc37"), (36, 36, "cc36"), (35, 35, "cc35"),
                     (34, 34, "cc34")]  # fmt: skip
