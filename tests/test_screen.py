"""What a run shows, on consoles that are only text."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import msgspec
import pytest
from rich.console import Console

from lab import screen
from lab.matrix import DEFAULT_CELLS, Cell
from lab.outcome import Outcome
from lab.plan import make
from lab.screen import LiveScreen, PlainScreen, live, plain, styled, summary
from tests.fakes import Clock

if TYPE_CHECKING:
    from collections.abc import Mapping

PLAN = make(DEFAULT_CELLS[:3], profile="smoke", rounds=1, seed=7)
FIRST, SECOND, _ = PLAN.order


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(screen, "time", clock)
    return clock


@pytest.fixture
def said() -> StringIO:
    return StringIO()


@pytest.fixture
def console(said: StringIO) -> Console:
    return Console(file=said, width=120, highlight=False)


class Turns:
    """Stands for the event that ends the heartbeat: it lets a number of seconds go by first."""

    def __init__(self, clock: Clock, seconds: int) -> None:
        self._clock = clock
        self._left = seconds

    def wait(self, seconds: float) -> bool:
        self._clock.now += seconds
        self._left -= 1
        return self._left < 0


def test_each_event_is_a_line_with_its_time(clock: Clock, console: Console, said: StringIO) -> None:
    plain_screen = PlainScreen(console, total=3)

    clock.now += 754
    plain_screen.say("starting node-1")
    clock.now += 6
    plain_screen.begin(FIRST)
    plain_screen.end(FIRST, {Outcome.PASS: 12, Outcome.FAIL: 1})

    assert said.getvalue().splitlines() == [
        "[12 min 34 s] starting node-1",
        f"[12 min 40 s] 1/3 {FIRST.id}",
        f"[12 min 40 s] 1/3 {FIRST.id}: 12 PASS, 1 FAIL",
    ]


def test_what_looks_like_markup_is_text(clock: Clock, console: Console, said: StringIO) -> None:
    assert clock.now
    PlainScreen(console, total=3).say("[red]: see [/dev/kvm]")

    assert said.getvalue().endswith("] [red]: see [/dev/kvm]\n")


def test_what_guests_say_moves_no_cursor(clock: Clock, console: Console, said: StringIO) -> None:
    assert clock.now
    PlainScreen(console, total=3).say("\x1b[2J\x1b]0;title\x07the bench failed: \x1b[1mno\x9b")

    assert said.getvalue().endswith("] the bench failed: no\n")


def test_a_long_line_is_one_line(clock: Clock, said: StringIO) -> None:
    assert clock.now
    PlainScreen(Console(file=said, width=20), total=3).say("x" * 200)

    assert len(said.getvalue().splitlines()) == 1


def test_a_silent_run_says_what_it_is_at(clock: Clock, console: Console, said: StringIO) -> None:
    plain_screen = PlainScreen(console, total=3)
    plain_screen.begin(FIRST)
    plain_screen.phase("tcp out")
    plain_screen._stopped = Turns(clock, 61)  # type: ignore[assignment] # quicker than an event

    plain_screen.beat()

    assert said.getvalue().splitlines()[1:] == [
        "[       20 s] still at it: tcp out",
        "[       40 s] still at it: tcp out",
        "[ 1 min 00 s] still at it: tcp out",
    ]


def test_a_run_that_talks_has_no_heartbeat(clock: Clock, console: Console, said: StringIO) -> None:
    plain_screen = PlainScreen(console, total=3)
    for _ in range(4):
        plain_screen.say("at work")
        plain_screen._stopped = Turns(clock, 19)  # type: ignore[assignment] # quicker
        plain_screen.beat()

    assert "still at it" not in said.getvalue()


def test_a_heartbeat_comes_at_least_every_thirty_seconds() -> None:
    assert screen.HEARTBEAT_S + 1 <= 30


def test_the_heartbeat_ends_with_its_block(console: Console) -> None:
    with plain(console, total=3) as plain_screen:
        assert not plain_screen._stopped.is_set()

    assert plain_screen._stopped.is_set()


def test_the_heartbeat_ends_with_an_exception(console: Console) -> None:
    seen: list[PlainScreen] = []

    def fail() -> None:
        with plain(console, total=3) as plain_screen:
            seen.append(plain_screen)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert seen[0]._stopped.is_set()


def rows(live_screen: LiveScreen) -> list[list[str]]:
    """The table as it stands, by row, its caption last; what is wide apart is apart."""
    said = StringIO()
    Console(file=said, width=160).print(live_screen._draw())
    return [line.strip().split("  ") for line in said.getvalue().splitlines()]


def cells(live_screen: LiveScreen, boot_id: str) -> list[str]:
    (row,) = (row for row in rows(live_screen) if row[0] == boot_id)
    return [text.strip() for text in row if text.strip()][1:]


@pytest.fixture
def table(clock: Clock, console: Console) -> LiveScreen:
    assert clock.now
    return LiveScreen(console, PLAN.order, {FIRST.cell_name: 42.0})


def test_every_boot_of_the_plan_has_a_row_in_its_order(table: LiveScreen) -> None:
    shown = [row[0] for row in rows(table)]

    assert shown[1:4] == [boot.id for boot in PLAN.order]


def test_a_row_shows_what_its_boot_does_and_how_long(table: LiveScreen, clock: Clock) -> None:
    assert cells(table, FIRST.id) == ["42 s"]

    table.begin(FIRST)
    assert cells(table, FIRST.id) == ["starting", "0 s", "42 s"]

    clock.now += 5
    table.phase("tcp out")
    assert cells(table, FIRST.id) == ["tcp out", "5 s", "42 s"]

    clock.now += 60
    table.end(FIRST, {Outcome.PASS: 12, Outcome.UNSUPPORTED: 2})
    clock.now += 100
    assert cells(table, FIRST.id) == ["12 PASS, 2 UNSUPPORTED", "1 min 05 s", "42 s"]


def test_a_boot_that_nobody_has_seen_before_has_no_expectation(table: LiveScreen) -> None:
    table.begin(SECOND)

    assert cells(table, SECOND.id) == ["starting", "0 s"]


def test_the_first_boot_begins_when_the_bench_is_up(table: LiveScreen, clock: Clock) -> None:
    table.begin(FIRST)
    table.phase("the bench comes up")
    clock.now += 60
    table.is_up("start to first answer")
    clock.now += 5

    assert cells(table, FIRST.id) == ["start to first answer", "5 s", "42 s"]


LONG = (
    "node under tcg: the node's own kernel does not come up under /dev/kvm: error: failed to set"
    " MSR 0x48b to 0x137bfffff: kvm_buf_set_msrs: Assertion `ret == cpu->kvm_msr_buf->nmsrs' failed"
)


def at_eighty(width: int = 80) -> list[str]:
    """The live screen while the node of a default run comes up."""
    said = StringIO()
    narrow = Console(file=said, width=width, height=24, highlight=False)
    plan = make(DEFAULT_CELLS, profile="standard", rounds=5, seed=1)
    screen = LiveScreen(narrow, plan.order, {boot.cell_name: 754.0 for boot in plan.order})
    screen.begin(plan.order[0])
    screen.phase("the bench comes up")
    screen.say(LONG)
    narrow.print(screen._draw())
    return [line.rstrip() for line in said.getvalue().splitlines()]


def test_the_screen_is_readable_at_eighty_columns(clock: Clock) -> None:
    assert clock.now
    lines = at_eighty()

    assert max(map(len, lines)) <= 80
    assert len(lines) <= 24
    shown = {line.split()[0] for line in lines[1:-2]}
    assert all("…" not in name for name in shown)
    assert all(line.endswith("12 min 34 s") for line in lines[1:-2])
    below = " ".join(lines[-2:]).split()
    assert below[-1] == "…"
    assert set(below[2:-1]) <= set(LONG.split())


def test_a_long_name_leaves_no_room_for_what_is_expected(clock: Clock) -> None:
    cell = Cell.parse("l3forwarding+devmapper-blk+kata-go+handicap")
    said = StringIO()
    narrow = Console(file=said, width=80, highlight=False)
    boot = make([cell], profile="standard", rounds=10, seed=1).order[-1]
    table = LiveScreen(narrow, (boot,), {str(cell): 754.0})
    table.begin(boot)
    table.phase("a phase that is rather long")
    clock.now += 754

    narrow.print(table._draw())

    lines = said.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].split()[0] == boot.id
    assert lines[1].rstrip().endswith("12 min 34 s")


def test_neither_a_file_nor_who_wants_no_colour_gets_one(monkeypatch: pytest.MonkeyPatch) -> None:
    row = styled({Outcome.FAIL: 1, Outcome.PASS: 2})
    in_file, on_terminal, wished = StringIO(), StringIO(), StringIO()

    Console(file=in_file).print(row)
    monkeypatch.setenv("TERM", "xterm-256color")
    Console(file=on_terminal, force_terminal=True).print(row)
    monkeypatch.setenv("NO_COLOR", "1")
    Console(file=wished, force_terminal=True).print(row)

    assert "\x1b" not in in_file.getvalue()
    assert "\x1b[3" in on_terminal.getvalue()
    assert "\x1b[3" not in wished.getvalue()


def test_a_phase_between_two_boots_is_nobodys(table: LiveScreen) -> None:
    table.begin(FIRST)
    table.end(FIRST, {Outcome.PASS: 1})
    table.phase("taking down")

    assert cells(table, FIRST.id)[0] == "1 PASS"


@pytest.mark.parametrize("text", ["node-1 is up", "[red]: see [/dev/kvm]"])
def test_what_is_said_stands_below_the_table(table: LiveScreen, clock: Clock, text: str) -> None:
    clock.now += 61
    table.say(text)

    assert rows(table)[-1] == ["1 min 01 s", text]


def test_a_phase_may_look_like_markup(table: LiveScreen) -> None:
    table.begin(FIRST)
    table.phase("[/red]")

    assert cells(table, FIRST.id)[0] == "[/red]"


def test_a_live_table_is_left_as_it_was_last(said: StringIO) -> None:
    terminal = Console(file=said, width=120, force_terminal=True)

    with live(terminal, PLAN.order, {}) as table:
        table.begin(FIRST)
        table.end(FIRST, {Outcome.PASS: 3})

    assert "3 PASS" in said.getvalue()


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({}, ""),
        ({Outcome.PASS: 3}, "3 PASS"),
        ({Outcome.INFRA: 1, Outcome.PASS: 2, Outcome.FAIL: 0}, "2 PASS, 1 INFRA"),
        ({Outcome.NOT_RUN: 4, Outcome.BLOCKED: 1}, "1 BLOCKED, 4 NOT-RUN"),
    ],
)
def test_outcomes_are_counted_in_a_fixed_order(
    counts: Mapping[Outcome, int], expected: str
) -> None:
    assert summary(counts) == expected
    assert styled(counts).plain == expected


def test_every_bad_outcome_is_red_and_no_other() -> None:
    red = {o for o in Outcome if "red" in {str(s.style) for s in styled({o: 1}).spans}}

    assert red == {outcome for outcome in Outcome if outcome.is_bad}


def test_a_long_plan_shows_the_rows_around_the_boot_at_its_turn() -> None:
    plan = make(DEFAULT_CELLS, profile="standard", rounds=5, seed=1)
    long = LiveScreen(Console(file=StringIO(), width=100, height=20), plan.order, {})
    for boot in plan.order[:40]:
        long.begin(boot)
        long.end(boot, {Outcome.PASS: 1})
    long.begin(plan.order[40])

    shown = [row.boot for row in long._visible()]

    assert len(shown) == 16
    assert plan.order[40] in shown
    assert shown == list(plan.order[32:48])


def test_a_boot_that_is_made_again_stands_after_those_that_are_done(table: LiveScreen) -> None:
    again = msgspec.structs.replace(FIRST, id=f"{FIRST.id}-a2", attempt=2)
    for boot in (FIRST, SECOND):
        table.begin(boot)
        table.end(boot, {Outcome.PASS: 1})

    table.begin(again)
    table.end(again, {Outcome.PASS: 1})

    assert [row.boot.id for row in table._visible()] == [
        FIRST.id, SECOND.id, again.id, PLAN.order[2].id,
    ]  # fmt: skip


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_long_line_is_broken_between_words_and_in_a_file_not_at_all(
    clock: Clock, said: StringIO, *, is_terminal: bool
) -> None:
    console = Console(file=said, width=40, highlight=False, force_terminal=is_terminal)
    words = "the node's kernel does not run under /dev/kvm: error"
    assert clock.now >= 0

    PlainScreen(console, total=1).say(words)

    lines = [line.strip() for line in said.getvalue().splitlines()]
    assert len(lines) == (2 if is_terminal else 1)
    assert " ".join(lines).endswith(words)
