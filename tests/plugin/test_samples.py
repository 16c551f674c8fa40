"""What a scenario measures, what it is handed, and what the screen is told."""

from __future__ import annotations

from lab.outcome import Outcome
from tests.plugin.runner import FIRST, ORDER, Runner

MEASURES = """\
from lab.sample import Better, Metric
from lab.units import Unit
READ = Metric("read", Unit.BYTE_PER_SECOND, Better.HIGHER, "Read")
WRITE = Metric("write", Unit.BYTE_PER_SECOND, Better.HIGHER, "Write")
def test_disk(sandbox, measure):
    with measure.watching():
        pass
    measure(READ, 5.0, raw='{"fio": 1}')
    measure(WRITE, 3.0, raw='{"fio": 1}')
    measure(READ, 7.0, raw="words")
    measure(WRITE, 1.0)
"""


def test_a_sample_says_where_it_is_from_and_what_disturbed_it(runner: Runner) -> None:
    run = runner.run(MEASURES, "-k", "none")

    sample = run.samples[0]
    assert (sample.metric.name, sample.value) == ("read", 5.0)
    assert (sample.cell, sample.boot, sample.round, sample.position) == (FIRST, FIRST, 1, 1)
    assert sample.scenario == "test_a.py::test_disk"
    assert sample.elapsed_s > 0
    assert sample.noise == {"host_stolen": 0.0, "node_stolen": None}
    assert sample.started.endswith("+00:00")


def test_a_tools_report_is_kept_once_for_all_that_was_read_from_it(runner: Runner) -> None:
    run = runner.run(MEASURES, "-k", "none")

    assert [sample.raw for sample in run.samples] == [
        f"raw/{FIRST}/read.json",
        f"raw/{FIRST}/read.json",
        f"raw/{FIRST}/read.txt",
        None,
    ]
    assert (run.store.path / "raw" / FIRST / "read.json").read_text() == '{"fio": 1}'


def test_the_screen_is_told_boot_by_boot(runner: Runner) -> None:
    run = runner.run("def test_tcp_in(sandbox): pass\ndef test_loss(sandbox): assert 0\n")

    assert run.screen.told[:7] == [
        f"begin {FIRST}",
        "the bench comes up",
        "starting node-1",
        "up: tcp in",
        "loss",
        (
            f"{FIRST} is diagnosed in {run.store.path / 'diagnosis' / FIRST};"
            " look further: `lab shell node-1` with --keep failed"
        ),
        f"end {FIRST}: 1 PASS, 1 FAIL",
    ]
    assert [line for line in run.screen.told if line.startswith("begin")] == [
        f"begin {boot}" for boot in ORDER
    ]


def test_a_scenarios_own_work_counts_as_measuring_and_its_boot_does_not(runner: Runner) -> None:
    run = runner.run("import time\ndef test_slow(sandbox): time.sleep(0.02)\n", "-k", "none")

    assert 0.02 <= run.timeline.measuring_s < run.timeline.total_s


def test_fixtures_hand_out_the_peer_the_node_and_the_profile(runner: Runner) -> None:
    run = runner.run(
        "def test_all(sandbox, peer, node, profile):\n"
        "    assert (peer, node, profile.name) == ('the peer', 'the node', 'standard')\n"
    )

    assert {outcome for _, outcome in run.outcomes} == {Outcome.PASS}
