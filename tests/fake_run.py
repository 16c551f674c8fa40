"""Invented runs for tests of the store and the report. No figure here was ever measured."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain, count, islice, product
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lab import plan
from lab.contamination import RULES_VERSION
from lab.design import comparisons_of
from lab.matrix import ALL_CELLS, DEFAULT_CELLS, Cell, Network, Runtime, Storage, Variant
from lab.outcome import Evidence, Fact, Outcome
from lab.records import Environment, LookRecord, OutcomeRecord, RunHeader, RunStatus, Timeline
from lab.repeats import repeats
from lab.run import Run
from lab.sample import Better, Metric, Sample
from lab.store import Store, _encoded
from lab.units import Unit
from tests.fake_answers import answers, volume

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CREATED = datetime(2026, 11, 23, 18, 5, 12, tzinfo=UTC)
QUIET: dict[str, float | None] = {"steal_s": 0.0, "psi_cpu_some_s": None}
DISTURBED: dict[str, float | None] = {"host_foreign_cpu": 1.0}
INVENTED = b'{"invented": true}\n'
"""What is in a tool's report."""
PRIMARIES = 6
"""How many metrics a run declares."""
RUN_ID = "2026-11-23T18-05-12-smoke"
NO_DAX = (
    "QEMU 10.0.6: vhost-user-fs-pci has no cache-size property (asked: -device"
    " vhost-user-fs-pci,help); virtiofsd 1.13.0 has no mapping backend"
)
CONSOLE = (
    *(f"[    4.1{number:02d}000] virtiofs virtio1: probe stage {number}" for number in range(18)),
    "[    4.731020] Kernel panic - not syncing: VFS: Unable to mount root fs",
    "---[ end ]---",
)

NETWORK_FACTOR = {
    Network.TCFILTER: 0.052,
    Network.MACVTAP: 0.066,
    Network.NONE: 0.071,
    Network.BRIDGE: 0.049,
    Network.L3FORWARDING: 0.047,
    Network.VETH: 1.0,
}
STORAGE_FACTOR = {
    Storage.VIRTIOFS: 0.31,
    Storage.VIRTIOFS_DAX: 0.62,
    Storage.NINEP: 0.11,
    Storage.DEVMAPPER: 0.44,
    Storage.DEVMAPPER_BLK: 0.48,
    Storage.PMEM_DAX: 1.21,
    Storage.OVERLAYFS: 1.0,
}


@dataclass(frozen=True)
class FakeMetric:
    """A metric with the value that the control would have, and what it depends on."""

    metric: Metric
    scenario: str
    base: float
    axis: str
    report: str = ""
    """The file that the tool's own report is in; empty: one of the metric's own."""


def _metric(
    name: str, title: str, unit: Unit, better: Better, *, base: float, axis: str, file: str
) -> FakeMetric:
    return FakeMetric(
        Metric(name, unit, better, title), f"{axis}/{file}.py::test_{name}", base, axis
    )


BIT, BYTE, S = Unit.BIT_PER_SECOND, Unit.BYTE_PER_SECOND, Unit.SECOND
UP, DOWN = Better.HIGHER, Better.LOWER
METRICS = (
    _metric("tcp_out_goodput", "TCP, guest to node", BIT, UP, base=8.9e9, axis="network",
            file="test_throughput"),
    _metric("tcp_in_goodput", "TCP, node to guest", BIT, UP, base=9.4e9, axis="network",
            file="test_throughput"),
    _metric("tcp_out_2_goodput", "TCP, guest to node, two streams", BIT, UP, base=9.1e9,
            axis="network", file="test_throughput"),
    _metric("udp_loss", "UDP loss at 80 % of the TCP rate", Unit.RATIO, DOWN, base=0.0,
            axis="network", file="test_throughput"),
    _metric("rr_latency_idle_p50", "Request and response, idle, p50", S, DOWN, base=41e-6,
            axis="network", file="test_latency"),
    _metric("rr_latency_busy_p50", "Request and response under bulk, p50", S, DOWN, base=390e-6,
            axis="network", file="test_latency"),
    _metric("first_write", "First write, sequential", BYTE, UP, base=240e6, axis="storage",
            file="test_fio"),
    _metric("seq_read", "Sequential read, caches dropped", BYTE, UP, base=780e6, axis="storage",
            file="test_fio"),
    _metric("rand_read_4k_iops", "Random read, 4 KiB", Unit.OPERATION_PER_SECOND, UP, base=2900,
            axis="storage", file="test_fio"),
    _metric("rand_write_4k_p99", "Random write, 4 KiB, p99", S, DOWN, base=2.1e-3, axis="storage",
            file="test_fio"),
    _metric("fsync_p50", "fsync, p50", S, DOWN, base=1.2e-3, axis="storage", file="test_fio"),
    _metric("start_to_answer", "Start to first answer", S, DOWN, base=0.9, axis="lifecycle",
            file="test_start"),
)  # fmt: skip
MEMORY = _metric("sandbox_memory", "Memory of QEMU and virtiofsd (PSS)", Unit.BYTE, DOWN,
                 base=210 * 2**20, axis="lifecycle", file="test_start")  # fmt: skip
CHECKS = (
    "network/test_connectivity.py::test_guest_reaches_node",
    "network/test_connectivity.py::test_node_reaches_guest",
    "network/test_connectivity.py::test_path_mtu_is_exact",
    "network/test_parity.py::test_mac_is_the_cnis",
    "network/test_parity.py::test_routes_are_the_cnis",
    "storage/test_integrity.py::test_what_was_written_is_there",
)


@dataclass(frozen=True)
class Trouble:
    """What goes wrong with a cell."""

    outcome: Outcome
    reason: str
    rounds: tuple[int, ...] = ()
    """Empty: all."""
    scenario: str = ""
    """Empty: all."""
    console: tuple[str, ...] = ()

    def hits(self, boot: plan.Boot, scenario: str) -> bool:
        return (not self.rounds or boot.round in self.rounds) and self.scenario in {"", scenario}


@dataclass(frozen=True, kw_only=True)
class FakeRun:
    """A run to be written; change what the test is about."""

    cells: Sequence[Cell] = DEFAULT_CELLS
    rounds: int = 1
    seed: int = 7
    profile: str = "smoke"
    is_emulated: bool = True
    trouble: Mapping[str, Trouble] = field(default_factory=dict)
    contradicted: frozenset[str] = frozenset()
    """Boots whose evidence after the measurements does not fit."""
    disturbed: frozenset[str] = frozenset()
    """Boots beside which somebody else was at work."""
    again: frozenset[str] = frozenset()
    """The repeats that were made, by their ids."""
    metrics: Sequence[FakeMetric] = METRICS
    checks: Sequence[str] = CHECKS
    excluded: Sequence[plan.Exclusion] = ()
    created: datetime = CREATED
    status: RunStatus = RunStatus.COMPLETE
    design: plan.Design | None = None
    looks: Sequence[LookRecord] = ()
    """The last may end the run: then what was planned after it is not run."""
    local_artefacts: str = ""

    def header(self) -> RunHeader:
        return RunHeader(
            created=self.created,
            command_line=("lab", "matrix", "--profile", self.profile, "--seed", str(self.seed)),
            topology="embedded",
            options=("--artefacts", "/built", "--lock", "/lock") if self.local_artefacts else (),
            plan=plan.make(
                self.cells,
                profile=self.profile,
                rounds=self.rounds,
                seed=self.seed,
                excluded=self.excluded,
                design=self.design,
            ),
        )

    def write(self, root: Path) -> Path:
        """Write the run under *root* through the store, as the bench would."""
        store = Store.create(root, self.header())
        store.console_path("node-1").write_text("[    0.000000] Linux version 6.12\n")
        for look in self.looks:
            store.add_look(look)
        memory = Memory()
        for boot in self._fill(memory, self._planned()):
            store.console_path(boot).write_text("booted\n")
        memory.write(store)
        store.finish(self.status)
        return store.path

    def read(self) -> Run:
        """The run as it would be read back, without a disk: a large one takes seconds there."""
        planned = self._planned()
        memory = Memory()
        consoles = ["node-1", *sorted(self._fill(memory, planned))]
        return replace(
            planned,
            environment=memory.environment,
            samples=tuple(memory.samples),
            recorded=tuple(memory.outcomes),
            evidence={boot: tuple(kept) for boot, kept in memory.evidence.items()},
            consoles=tuple(f"consoles/{name}.log" for name in consoles),
            timeline=memory.timeline,
        )

    def _planned(self) -> Run:
        """The run before its first boot."""
        return Run(
            path=Path(),
            header=msgspec.structs.replace(self.header(), id=RUN_ID, status=self.status),
            environment=None,
            samples=(),
            recorded=(),
            evidence={},
            consoles=(),
            timeline=None,
            looks=tuple(self.looks),
            warnings=(),
        )

    def _fill(self, store: Memory, planned: Run) -> list[str]:
        """Put everything into *store* but the consoles: which boots have one is returned."""
        store.set_environment(
            environment(is_emulated=self.is_emulated, local_artefacts=self.local_artefacts)
        )
        generator = random.Random(self.seed)  # noqa: S311 - invented figures
        now = self.created + timedelta(seconds=70)
        booted = []
        again = [boot for boot in repeats(planned.header.plan) if boot.id in self.again]
        for boot in sorted([*planned.order, *again], key=_turn):
            trouble = self.trouble.get(str(boot.cell))
            is_up = not (trouble and not trouble.scenario and trouble.hits(boot, ""))
            if is_up:
                booted.append(boot.id)
            now = self._boot(store, boot, now, generator, is_up=is_up)
        total = (now - self.created).total_seconds()
        store.set_timeline(
            Timeline(
                building_s=0.06 * total,
                booting_s=0.24 * total,
                measuring_s=0.58 * total,
                total_s=total,
            )
        )
        return booted

    def _boot(
        self,
        store: Memory,
        boot: plan.Boot,
        now: datetime,
        generator: random.Random,
        *,
        is_up: bool,
    ) -> datetime:
        cell = boot.cell
        trouble = self.trouble.get(str(cell))
        if is_up:
            store.add_evidence(boot.id, evidence(cell, "before"))
        scenarios: dict[str, list[FakeMetric]] = {name: [] for name in self.checks}
        for fake in (*self.metrics, *(() if cell.runtime is Runtime.RUNC else (MEMORY,))):
            scenarios.setdefault(fake.scenario, []).append(fake)
        for scenario, fakes in scenarios.items():
            hit = trouble is not None and trouble.hits(boot, scenario)
            elapsed_s = round(generator.uniform(0.4, 3.2), 3)
            if is_up and not hit:
                noise = DISTURBED if boot.id in self.disturbed else QUIET
                store.samples.extend(_samples(store, fakes, boot, now, generator, noise=noise))
            store.outcomes.append(
                OutcomeRecord(
                    boot=boot.id,
                    attempt=boot.attempt,
                    cell=str(cell),
                    round=boot.round,
                    scenario=scenario,
                    outcome=trouble.outcome if trouble and hit else Outcome.PASS,
                    reason=trouble.reason if trouble and hit else "",
                    started=now,
                    elapsed_s=elapsed_s,
                    console_tail=trouble.console if trouble and hit else (),
                )
            )
            now += timedelta(seconds=elapsed_s + 0.3)
        if is_up:
            store.add_evidence(
                boot.id, evidence(cell, "after", holds=boot.id not in self.contradicted)
            )
        return now + timedelta(seconds=9)


@dataclass
class Memory:
    """As much of a store as a run is written with: to the disk it goes at once, if at all."""

    environment: Environment | None = None
    timeline: Timeline | None = None
    samples: list[Sample] = field(default_factory=list)
    outcomes: list[OutcomeRecord] = field(default_factory=list)
    evidence: dict[str, list[Evidence]] = field(default_factory=dict)
    raw: dict[str, None] = field(default_factory=dict)
    """The tools' reports, by their paths in the run; in order."""

    def set_environment(self, environment: Environment) -> None:
        self.environment = environment

    def set_timeline(self, timeline: Timeline) -> None:
        self.timeline = timeline

    def add_evidence(self, boot: str, evidence: Evidence) -> None:
        self.evidence.setdefault(boot, []).append(evidence)

    def add_raw(self, boot: str, name: str) -> str:
        """Numbered as the store does: several scenarios may name their reports alike."""
        stem, _, suffix = name.rpartition(".")
        later = (f"raw/{boot}/{stem}-{number}.{suffix}" for number in count(2))
        path = next(each for each in chain([f"raw/{boot}/{name}"], later) if each not in self.raw)
        self.raw[path] = None
        return path

    def write(self, store: Store) -> None:
        """Put all of it into *store*, as it would have got there piece by piece."""
        assert self.environment
        assert self.timeline
        store.set_environment(self.environment)
        store.set_timeline(self.timeline)
        store.add_all(self.samples, self.outcomes)
        for boot, kept in self.evidence.items():
            (store.path / f"evidence/{boot}.json").write_bytes(_as_json(kept))
        for folder in dict.fromkeys(path.rpartition("/")[0] for path in self.raw):
            (store.path / folder).mkdir()
        for path in self.raw:
            (store.path / path).write_bytes(INVENTED)


_json: dict[tuple[int, ...], bytes] = {}


def _as_json(kept: Sequence[Evidence]) -> bytes:
    """What the store would write of them; they are few, cached for good, and found by identity."""
    key = tuple(map(id, kept))
    if key not in _json:
        _json[key] = msgspec.json.format(_encoded(kept), indent=1) + b"\n"
    return _json[key]


def repeated() -> FakeRun:
    """Two rounds in which a boot was contaminated and made again, and another stayed so."""
    return FakeRun(
        profile="standard",
        rounds=2,
        design=plan.Design(
            primary=("tcp_out_goodput",), min_rounds=2, max_rounds=2, rules=RULES_VERSION
        ),
        disturbed=frozenset({"tcfilter+9p+reference-r1", "none+9p+reference-r2"}),
        again=frozenset({"tcfilter+9p+reference-r1-a2"}),
    )


def sized(*, cells: int, metrics: int = 12, boots: int = 1) -> FakeRun:
    """
    A run of that many cells, metrics and boots of each cell; all is well in it.

    As in a real run, a scenario has several metrics out of one report, and there are more
    scenarios without one.
    """
    names = [f"storage/test_posix.py::test_what_programs_expect_{n}" for n in range(20)]
    used = tuple(islice(_all_cells(), cells))
    measured = tuple(islice(_all_metrics(), metrics))
    primary = [fake.metric.name for fake in measured[:PRIMARIES]]
    return FakeRun(
        cells=used,
        rounds=boots,
        profile="smoke" if boots == 1 else "publish",
        is_emulated=False,
        metrics=measured,
        checks=(*CHECKS, *names),
        design=declared(used, primary, rounds=boots),
    )


def declared(cells: Sequence[Cell], primary: Sequence[str], *, rounds: int) -> plan.Design:
    """What a bench would declare for *cells*."""
    return plan.Design(
        primary=tuple(primary),
        comparisons=comparisons_of(cells),
        min_rounds=rounds,
        max_rounds=rounds,
        rules=RULES_VERSION,
    )


def _all_cells() -> Iterator[Cell]:
    """The default matrix first, then all others that there are."""
    plain = dict.fromkeys((*DEFAULT_CELLS, *ALL_CELLS))
    return (cell.of(variant) for variant, cell in product(Variant, plain))


def _all_metrics() -> Iterator[FakeMetric]:
    for number in count(1):
        for fake in METRICS:
            folder = fake.scenario.partition("::")[0]
            name, title = f"{fake.metric.name}_{number}", f"{fake.metric.title}, {number}"
            yield replace(
                fake,
                metric=msgspec.structs.replace(fake.metric, name=name, title=title),
                scenario=f"{folder}::test_{number}",
                report=f"tool-{number}.json",
            )


def _turn(boot: plan.Boot) -> tuple[int, int, int]:
    return boot.round, boot.attempt, boot.position


@cache
def evidence(cell: Cell, phase: str, *, holds: bool = True) -> Evidence:
    """Facts that fit *cell*, but for one unless it *holds*."""
    if cell.runtime is Runtime.RUNC:
        facts = [
            ("root file system", "findmnt / (container)", str(cell.storage), str(cell.storage))
        ]
    else:
        facts = [
            ("device in the pod's namespace", "ip -d -j link (pod)", "tap0_kata", "tap0_kata"),
            ("ingress qdisc on eth0", "tc -s -j qdisc show dev eth0 (pod)", "ingress", "ingress"),
            ("redirect from eth0", "tc -s -j filter show dev eth0 ingress (pod)",
             "mirred redirect to tap0_kata, packets > 0",
             f"mirred redirect to tap0_kata, packets {12 if phase == 'before' else 80412}"),
            ("MAC of the guest", "ip -j link show eth0 (guest)", "0a:58:0a:f4:00:05",
             "0a:58:0a:f4:00:05"),
            ("root file system", "findmnt -J / (guest)", str(cell.storage), str(cell.storage)),
            ("vhost-net", "QEMU's command line", "vhost=on", "vhost=on"),
        ]  # fmt: skip
        if thin := volume(cell):
            facts.insert(-2, (f"snapshot {thin}", "dmsetup status", "a thin volume", "0 8 thin 1"))
    listed = [
        Fact(subject=subject, source=source, expected=expected, observed=observed, holds=True)
        for subject, source, expected, observed in facts
    ]
    if not holds:
        subject, source, expected, _ = facts[-1]
        listed[-1] = Fact(
            subject=subject, source=source, expected=expected, observed="overlay", holds=False
        )
    return Evidence(phase=phase, facts=tuple(listed), raw=answers(cell))


def environment(*, is_emulated: bool, local_artefacts: str = "") -> Environment:
    return Environment(
        accelerator="tcg" if is_emulated else "kvm",
        is_emulated=is_emulated,
        accelerator_reason=(
            "/dev/kvm is there, but the node's kernel did not reach its marker under it within"
            " 15 s (QEMU: KVM internal error, suberror: 1)."
            if is_emulated
            else "The node's kernel booted under KVM, and /dev/kvm works inside it."
        ),
        host={"cpu": "2 x86_64 cores", "memory": "24 GiB", "kernel": "6.1.0", "os": "Debian 12"},
        images={"node": "sha256:" + "5f" * 32, "guest": "sha256:" + "0c" * 32,
                "workload": "sha256:" + "b7" * 32},
        versions={"QEMU (host)": "7.2.15", "QEMU (node)": "10.0.6", "virtiofsd": "1.13.0",
                  "containerd": "1.7.24", "iperf3": "3.18", "fio": "3.39", "kernel": "6.12.43"},
        knobs={"vhost-net": "on", "virtiofs cache": "auto", "MTU": "1440", "vCPUs": "2"},
        local_artefacts=local_artefacts,
    )  # fmt: skip


def _samples(
    store: Memory,
    fakes: Sequence[FakeMetric],
    boot: plan.Boot,
    now: datetime,
    generator: random.Random,
    *,
    noise: dict[str, float | None],
) -> Iterator[Sample]:
    names = dict.fromkeys(fake.report or f"{fake.metric.name}.json" for fake in fakes)
    raw = {name: store.add_raw(boot.id, name) for name in names}
    for fake in fakes:
        yield Sample(
            metric=fake.metric,
            value=_value(fake, boot.cell, generator),
            cell=str(boot.cell),
            round=boot.round,
            position=boot.position,
            boot=boot.id,
            attempt=boot.attempt,
            scenario=fake.scenario,
            started=now.isoformat(),
            elapsed_s=1.0,
            raw=raw[fake.report or f"{fake.metric.name}.json"],
            noise=noise,
        )


def _value(fake: FakeMetric, cell: Cell, generator: random.Random) -> float:
    noise = generator.lognormvariate(0, 0.045)
    if not fake.base:
        return 0.0 if generator.random() < 0.6 else 0.0004 * noise
    factors = {
        "network": NETWORK_FACTOR[cell.network],
        "storage": STORAGE_FACTOR[cell.storage],
        "lifecycle": 1.0 if cell.runtime is Runtime.RUNC else 0.16,
    }
    if fake is MEMORY:
        return fake.base * noise
    factor = factors[fake.axis]
    return fake.base * noise * (factor if fake.metric.better is UP else factor**-0.7)
