"""How sandboxes are proven again, restarted and ended, and what is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import bench as bench_module
from lab.errors import ProvisionError, SandboxError, StoreError
from lab.stopwatch import Stopwatch
from lab.store import Store
from tests.bench.rig import CONSOLE, RUNC, TCFILTER, FakeSandbox, Rig, boot, gone

if TYPE_CHECKING:
    from lab.outcome import Evidence


def test_a_full_disk_is_not_the_sandboxes_fault(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_store: Store, _boot: str, _evidence: Evidence) -> None:
        raise StoreError("cannot write: no space left", remedy="free some")

    monkeypatch.setattr(Store, "add_evidence", refuse)

    with pytest.raises(StoreError):
        rig.bench.open(boot())


def test_a_sandbox_is_proven_again_before_it_ends_and_its_console_is_kept(rig: Rig) -> None:
    rig.bench.open(boot())
    rig.told()

    rig.bench.close()

    assert rig.told() == ["boot3 prove", "boot3 console", "boot3 stop"]
    assert rig.phases() == ["before", "after"]
    assert rig.console() == CONSOLE


def test_a_sandbox_without_a_console_leaves_no_file_for_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeSandbox, "console", lambda _: "")
    rig.bench.open(boot())

    rig.bench.close()

    assert not rig.store.console_path(TCFILTER).exists()


def test_closing_twice_ends_it_once(rig: Rig) -> None:
    rig.bench.open(boot())
    rig.bench.close()
    rig.told()

    rig.bench.close()

    assert rig.told() == []


def test_a_restart_proves_what_was_measured_first_and_that_is_not_proven_again(rig: Rig) -> None:
    rig.bench.open(boot())
    rig.told()

    rig.bench.restart()
    assert rig.told() == ["boot3 prove", "boot3 restart"]
    rig.bench.close()

    assert rig.told() == ["boot3 console", "boot3 stop"]
    assert rig.phases() == ["before", "after"]


def test_a_restart_that_fails_leaves_a_sandbox_that_can_be_closed(rig: Rig) -> None:
    rig.bench.open(boot())
    rig.fails["restart"] = SandboxError("no answer", remedy="read")
    with pytest.raises(SandboxError):
        rig.bench.restart()
    rig.told()

    rig.bench.close()

    assert rig.told() == ["boot3 console", "boot3 stop"]


@pytest.mark.parametrize("step", ["prove", "console"])
def test_a_sandbox_ends_whatever_fails_before_and_that_is_told(step: str, rig: Rig) -> None:
    rig.bench.open(boot())
    rig.fails[step] = gone()
    rig.told()

    with pytest.raises(ProvisionError, match="the node is gone"):
        rig.bench.close()

    assert rig.told() == ["boot3 prove", "boot3 console", "boot3 stop"]
    rig.fails.clear()
    rig.bench.close()
    assert rig.told() == [], "it is over"


def test_what_a_sandbox_leaves_behind_is_told_once(rig: Rig) -> None:
    rig.bench.open(boot())
    rig.fails["stop"] = SandboxError("boot3 left folder", remedy="look")

    with pytest.raises(SandboxError, match="left folder"):
        rig.bench.close()
    rig.bench.close()


def test_nothing_open_cannot_be_proven(rig: Rig) -> None:
    with pytest.raises(RuntimeError, match="no sandbox is open"):
        rig.bench.prove("before")


def test_the_peer_is_a_control_that_is_started_once_out_of_the_way_of_the_boots(rig: Rig) -> None:
    peer = rig.bench.peer

    assert rig.bench.peer is peer
    assert rig.told() == ["peer start"]
    assert str(rig.made[0].cell) == RUNC
    assert rig.made[0].number == 0


def test_the_end_keeps_what_is_open_and_leaves_the_rest_to_the_nodes(rig: Rig) -> None:
    rig.bench.open(boot())
    assert str(rig.bench.peer.cell) == RUNC
    rig.told()

    rig.bench.end()

    assert rig.told() == ["boot3 prove", "boot3 console"]
    rig.bench.end()
    assert rig.told() == []


def test_the_console_is_kept_even_if_the_sandbox_cannot_be_proven_at_the_end(rig: Rig) -> None:
    rig.bench.open(boot())
    rig.made[0].fails = {"prove": gone()}
    rig.told()

    with pytest.raises(ProvisionError):
        rig.bench.end()

    assert rig.told()[-1] == "boot3 console"


def test_time_of_starting_restarting_and_ending_counts_as_booting(rig: Rig) -> None:
    now = [0.0]
    rig.bench.stopwatch = Stopwatch(now=lambda: now[0])
    seconds = {"start": 7.0, "prove": 0.25, "restart": 5.0, "console": 0.5, "stop": 2.0}

    def told(sandbox: FakeSandbox, what: str) -> None:
        assert sandbox.id == "boot3"
        now[0] += seconds[what]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(FakeSandbox, "_told", told)
        rig.bench.open(boot())
        rig.bench.restart()
        rig.bench.close()

    timeline = rig.bench.stopwatch.timeline
    assert timeline.booting_s == 7 + 5 + 2
    assert timeline.other_s == 2 * 0.25 + 0.5


BURNT: dict[str, float | None] = {"host_foreign_cpu": 1.0}
QUIET: dict[str, float | None] = {"host_foreign_cpu": 0.0, "node_steal": None}


@pytest.mark.parametrize(
    ("noise", "kept"),
    [(BURNT, ["host_foreign_cpu 1 > 0.25\nhost: burner: 5 s\n"]), (QUIET, []), ({}, [])],
)
def test_what_contaminated_a_measurement_is_kept_in_words(
    rig: Rig, noise: dict[str, float | None], kept: list[str]
) -> None:
    rig.bench.open(boot())
    rig.watch.noise, rig.watch.told = noise, "host: burner: 5 s\n"

    assert rig.bench.noise_since(rig.bench.noise()) == noise

    assert [
        path.read_text()
        for path in rig.store.path.glob(f"raw/{TCFILTER}/{bench_module.DISTURBANCES}")
    ] == kept


def test_noise_that_no_sandbox_was_open_for_is_not_kept(rig: Rig) -> None:
    rig.watch.noise = BURNT

    assert rig.bench.noise_since(rig.bench.noise()) == BURNT

    assert not list(rig.store.path.glob("raw/*/*"))


def test_the_noise_around_a_start_is_that_of_the_last_one(rig: Rig) -> None:
    rig.watch.noise = QUIET
    rig.bench.open(boot())
    assert rig.bench.start_noise == QUIET
    rig.bench.close()

    rig.watch.noise = BURNT
    rig.bench.open(boot(position=4))

    assert rig.bench.start_noise == BURNT
