from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import matrix
from lab.contamination import RULES_VERSION
from lab.design import comparisons_of
from lab.matrix import CONTROL_CELLS, Cell, Runtime, Variant, select
from lab.outcome import Outcome
from lab.plan import Design
from lab.run import Run
from tests.fake_run import CHECKS, CONSOLE, METRICS, NO_DAX, FakeRun, Trouble, declared

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


@pytest.fixture(scope="package")
def motley() -> Run:
    """Something of every kind that a report tells of, and little of each: for slow questions."""
    cell = Cell.parse("tcfilter+virtiofs+reference")
    names = (
        "veth+overlayfs+runc,tcfilter+virtiofs+kata-go,tcfilter+virtiofs-dax+reference",
        "macvtap+9p+reference,none+devmapper+reference",
    )
    others = select(",".join(names), runtimes=tuple(Runtime))
    cells = (cell, cell.of(Variant.TWIN), cell.of(Variant.HANDICAP), *others)
    return FakeRun(
        cells=cells,
        rounds=5,
        design=declared(cells, ("tcp_out_goodput", "start_to_answer"), rounds=5),
        disturbed=frozenset({"none+devmapper+reference-r3"}),
        profile="standard",
        metrics=(METRICS[0], METRICS[3], METRICS[-1]),
        trouble=TROUBLE,
        contradicted=frozenset({"tcfilter+virtiofs+reference-r4"}),
        local_artefacts="kata-go 3.28.0",
    ).read()


@pytest.fixture(scope="package")
def designed() -> Run:
    """Eight rounds that were to be judged: two runtimes, a twin, a handicap, disturbed boots."""
    cell = Cell.parse("tcfilter+virtiofs+kata-go")
    cells = matrix.in_order(
        (
            *select("veth+*+runc,*+virtiofs+reference,*+9p+reference"),
            *select("tcfilter+9p+kata-go,none+*+kata-go", runtimes=tuple(Runtime)),
            cell,
            cell.of(Variant.TWIN),
            cell.of(Variant.HANDICAP),
        )
    )
    design = Design(
        primary=("tcp_out_goodput", "seq_read", "start_to_answer"),
        comparisons=comparisons_of(cells),
        min_rounds=8,
        max_rounds=8,
        rules=RULES_VERSION,
    )
    return FakeRun(
        cells=cells,
        rounds=8,
        profile="standard",
        is_emulated=False,
        metrics=(METRICS[0], METRICS[4], METRICS[7], METRICS[9], METRICS[-1]),
        design=design,
        disturbed=frozenset({f"{cell}-r3", "none+9p+reference-r5"}),
        again=frozenset({f"{cell}-r3-a2"}),
        trouble={
            "macvtap+9p+reference": Trouble(Outcome.BLOCKED, "its kernel panicked", console=CONSOLE)
        },
    ).read()


@pytest.fixture
def more_variants(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Cells by the hundred: there are 276, and what stands in a report must not rely on that."""
    for name in ("twin-2", "twin-3", "twin-4"):
        member = str.__new__(Variant, name)
        member._name_ = member._value_ = name
        monkeypatch.setitem(Variant._member_map_, name, member)
        monkeypatch.setitem(Variant._value2member_map_, name, member)
    monkeypatch.setattr(Variant, "_member_names_", list(Variant._member_map_))
    matrix._by_name.cache_clear()
    yield
    matrix._by_name.cache_clear()
