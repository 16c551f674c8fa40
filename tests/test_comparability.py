"""Which runs' figures may meet, and what is told of those that may not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from lab import comparability
from lab.comparability import differences, key, require, varying
from lab.errors import UsageError
from lab.matrix import Cell
from lab.outcome import Evidence, Fact
from lab.records import Environment
from lab.run import Run
from lab.store import ENVIRONMENT, SAMPLES
from tests.fake_run import FakeRun, environment

if TYPE_CHECKING:
    from pathlib import Path

CELLS = tuple(map(Cell.parse, ("veth+overlayfs+runc", "tcfilter+virtiofs+reference")))
REMEDY = "do something else"


def made(root: Path, *, rounds: int = 1, profile: str = "smoke", **changes: Any) -> Run:  # noqa: ANN401 - the fields of Environment
    path = FakeRun(cells=CELLS, rounds=rounds, profile=profile).write(root)
    changed = msgspec.structs.replace(environment(is_emulated=True), **changes)
    (path / ENVIRONMENT).write_bytes(msgspec.json.encode(changed))
    return Run.load(path)


def test_a_run_is_comparable_with_itself(tmp_path: Path) -> None:
    run = made(tmp_path)

    require([run, run], remedy=REMEDY)
    assert differences(key(run), key(run)) == ()


def test_rounds_and_seed_need_not_be_equal(tmp_path: Path) -> None:
    assert differences(key(made(tmp_path)), key(made(tmp_path, rounds=3))) == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"accelerator": "kvm"}, "accelerator: tcg / kvm"),
        ({"is_emulated": False}, "emulated: yes / no"),
        ({"local_artefacts": "kata-go 9"}, "artefacts built locally: none / kata-go 9"),
        ({"durations": {"fio_s": "10"}}, "duration fio_s: not on record / 10"),
        ({"profile": "standard"}, "profile: smoke / standard"),
    ],
)
def test_one_fact_that_differs_is_named(
    tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    found = differences(key(made(tmp_path)), key(made(tmp_path, **changes)))

    assert [str(each) for each in found] == [expected]


@pytest.mark.parametrize(
    ("field", "name", "shown"),
    [
        ("host", "kernel", "host kernel"),
        ("versions", "virtiofsd", "version of virtiofsd"),
        ("versions", "node kernel", "node kernel"),
        ("images", "guest", "guest image"),
        ("knobs", "MTU", "setting MTU"),
    ],
)
def test_every_part_of_the_environment_counts(
    tmp_path: Path, field: str, name: str, shown: str
) -> None:
    facts = getattr(environment(is_emulated=True), field) | {name: "other"}

    found = differences(key(made(tmp_path)), key(made(tmp_path, **{field: facts})))

    assert [each.name for each in found] == [shown]


def test_the_most_important_comes_first_and_three_are_named(tmp_path: Path) -> None:
    one = made(tmp_path)
    other = made(
        tmp_path,
        knobs={},
        host={"cpu": "another", "kernel": "6.12"},
        accelerator="kvm",
    )

    with pytest.raises(UsageError) as caught:
        require([one, other], remedy=REMEDY)

    assert caught.value.remedy == REMEDY
    named = [
        part.partition(":")[0] for part in caught.value.problem.split("compared: ")[1].split("; ")
    ]
    assert named == ["accelerator", "host cpu", "host kernel", "and 6 more"]


def test_what_may_differ_is_let_through_by_name(tmp_path: Path) -> None:
    one = made(tmp_path)
    host = environment(is_emulated=True).host | {"kernel": "6.12", "os": "Debian 13"}
    other = made(tmp_path, host=host)

    require([one, other], allowed=["host kernel", "host os"], remedy=REMEDY)
    with pytest.raises(UsageError, match="host os: Debian 12 / Debian 13"):
        require([one, other], allowed=["host kernel"], remedy=REMEDY)
    with pytest.raises(UsageError, match="there is no fact 'host kernl'") as caught:
        require([one, other], allowed=["host kernl"], remedy=REMEDY)
    assert "did you mean 'host kernel'?" in caught.value.remedy


def test_a_name_that_never_decides_may_differ(tmp_path: Path) -> None:
    host = environment(is_emulated=True).host
    one = made(tmp_path, host=host | {"distribution": "Debian 12"})
    other = made(tmp_path, host=host | {"distribution": "Debian 13"})

    assert differences(key(one), key(other)) == ()


def test_metrics_must_agree_only_where_both_have_them(tmp_path: Path) -> None:
    one, other = made(tmp_path), made(tmp_path)
    lines = (other.path / SAMPLES).read_text().splitlines()
    kept = [line for line in lines if "seq_read" not in line]
    turned = [
        line.replace('"unit":"bit/s"', '"unit":"B/s"') if "tcp_out_goodput" in line else line
        for line in kept
    ]
    (other.path / SAMPLES).write_text("\n".join(turned) + "\n")

    found = differences(key(one), key(Run.load(other.path)))

    assert [str(each) for each in found] == [
        "metric tcp_out_goodput: bit/s, higher is better / B/s, higher is better"
    ]


def test_a_run_that_ended_too_early_cannot_be_compared(tmp_path: Path) -> None:
    run = made(tmp_path)
    (run.path / ENVIRONMENT).unlink()

    with pytest.raises(UsageError, match="is not on record"):
        key(Run.load(run.path))


def with_conditions(run: Run, found: dict[str, dict[str, str]]) -> Run:
    """The run with conditions for the samples of each boot."""
    samples = [
        msgspec.structs.replace(sample, conditions=found.get(sample.boot, {}))
        for sample in run.samples
    ]
    (run.path / SAMPLES).write_bytes(b"".join(msgspec.json.encode(s) + b"\n" for s in samples))
    return Run.load(run.path)


def test_two_segment_sizes_in_one_cell_are_named(tmp_path: Path) -> None:
    cell = "tcfilter+virtiofs+reference"
    run = with_conditions(
        made(tmp_path, rounds=3),
        {
            f"{cell}-r1": {"TCP segment size": "1388"},
            f"{cell}-r2": {"TCP segment size": "8908"},
            f"{cell}-r3": {"TCP segment size": "1388"},
            "veth+overlayfs+runc-r1": {"TCP segment size": "1400"},
        },
    )

    assert [str(each) for each in varying(run)] == [
        f"{cell} varies in TCP segment size: 1388 in 2, 8908 in 1 of its boots"
    ]


def test_two_mtus_in_the_evidence_of_a_cell_are_named(tmp_path: Path) -> None:
    run = made(tmp_path, rounds=2)
    for number, mtu in ((1, "1440"), (2, "9000")):
        fact = Fact(subject="MTU of eth0", source="ip", expected=mtu, observed=mtu, holds=True)
        kept = [
            *run.evidence[f"{CELLS[0]}-r{number}"],
            Evidence(phase="before", facts=(fact,), raw={}),
        ]
        file = run.path / "evidence" / f"{CELLS[0]}-r{number}.json"
        file.write_bytes(msgspec.json.encode(kept))

    assert [str(each) for each in varying(Run.load(run.path))] == [
        "veth+overlayfs+runc varies in MTU of eth0: 1440 in 1, 9000 in 1 of its boots"
    ]


def test_what_a_run_records_is_what_its_key_is_made_of() -> None:
    """A new field of the environment is to be decided on: a fact of the key, or left out."""
    decided = {"accelerator", "is_emulated", "host", "images", "versions", "knobs", "durations",
               "local_artefacts"}  # fmt: skip
    left_out = {"accelerator_reason"}

    assert {field.name for field in msgspec.structs.fields(Environment)} == decided | left_out
    assert {"host distribution"} == comparability.MAY_DIFFER
