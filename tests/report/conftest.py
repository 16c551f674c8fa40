from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.matrix import CONTROL_CELLS, Cell, Runtime, Variant, select
from lab.outcome import Outcome
from lab.run import Run
from tests.fake_run import CHECKS, CONSOLE, NO_DAX, FakeRun, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

DAX = {
    f"{network}+virtiofs-dax+reference": Trouble(Outcome.UNSUPPORTED, NO_DAX)
    for network in ("tcfilter", "macvtap", "none", "bridge", "l3forwarding")
}
TROUBLE = {
    **DAX,
    "macvtap+9p+reference": Trouble(Outcome.BLOCKED, "its kernel panicked", console=CONSOLE),
    "none+devmapper+reference": Trouble(
        Outcome.FAIL, "path MTU is 1439 bytes", rounds=(2, 4), scenario=CHECKS[2]
    ),
}


@pytest.fixture(scope="package", autouse=True)
def _fast_disk() -> Iterator[None]:
    """Reports are read from files that no crash threatens: thousands of fsyncs would be wasted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _: None)
        yield


@pytest.fixture(scope="package")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The default matrix under emulation: one round, no virtiofs-dax, all else well."""
    return Run.load(FakeRun(trouble=DAX).write(tmp_path_factory.mktemp("smoke")))


@pytest.fixture(scope="package")
def kata(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two networks and two storages on Kata's runtimes and the controls; built locally."""
    cells = select(
        "veth+*+runc,tcfilter+virtiofs+*,tcfilter+9p+*,none+virtiofs+*", runtimes=tuple(Runtime)
    )
    refused = {
        "none+virtiofs+kata-go": Trouble(
            Outcome.UNSUPPORTED, "it does not start: Invalid internetworking model (known: #1)"
        )
    }
    fake = FakeRun(cells=cells, trouble=refused, local_artefacts="kata-go 3.28.0, crictl v1.36.0")
    return Run.load(fake.write(tmp_path_factory.mktemp("kata")))


@pytest.fixture(scope="package")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Five rounds on hardware; a cell BLOCKED, one with a FAIL, one boot INVALID."""
    fake = FakeRun(
        rounds=5,
        profile="standard",
        is_emulated=False,
        trouble=TROUBLE,
        contradicted=frozenset({"tcfilter+virtiofs+reference-r4"}),
    )
    return Run.load(fake.write(tmp_path_factory.mktemp("troubled")))


@pytest.fixture(scope="package")
def tested(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Five rounds of one cell, its control, its twin and its handicap, which has failed."""
    cell = Cell.parse("tcfilter+virtiofs+reference")
    handicap = cell.of(Variant.HANDICAP)
    fake = FakeRun(
        cells=(CONTROL_CELLS[0], cell, cell.of(Variant.TWIN), handicap),
        rounds=5,
        profile="standard",
        is_emulated=False,
        trouble={str(handicap): Trouble(Outcome.FAIL, "too slow", scenario=CHECKS[2])},
    )
    return Run.load(fake.write(tmp_path_factory.mktemp("tested")))
