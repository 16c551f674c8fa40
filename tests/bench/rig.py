"""A bench whose sandboxes only play, and what they can be made to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import msgspec

from lab.command import Completed
from lab.errors import ProvisionError, SandboxError
from lab.matrix import Cell, Storage
from lab.outcome import Evidence, Fact
from lab.plan import Boot
from lab.runtime import pods
from lab.storage.backend import Share
from tests.test_trial import ANSWERED, SILENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.bench import Bench
    from lab.errors import LabError
    from lab.network.pod import Pod
    from lab.node import Node
    from lab.runtime.sandbox import Sandbox
    from lab.runtime.setting import Setting
    from lab.store import Store
    from tests.runtime.fake_node import FakeNode

TCFILTER = "tcfilter+virtiofs+reference"
DEVMAPPER = "tcfilter+devmapper+reference"
SERVED = "$(cat /lab/boot3/virtiofsd.pid)"
DAX = "tcfilter+virtiofs-dax+reference"
RUNC = "veth+overlayfs+runc"
KATA_GO = "tcfilter+virtiofs+kata-go"
REFUSED = "none+virtiofs+kata-go"
CONSOLE = "".join(f"line {number}\n" for number in range(1, 31))


def boot(cell: str = TCFILTER, position: int = 3) -> Boot:
    return Boot(id=cell, cell_name=cell, round=1, position=position)


def fact(*, holds: bool) -> Fact:
    observed = "macvtap" if holds else "absent"
    return Fact(
        subject="kind of tap0_kata",
        source="ip link",
        expected="macvtap",
        observed=observed,
        holds=holds,
    )


@dataclass
class FakeSandbox:
    """Does nothing, notes what it was told, and fails where the test wants it to."""

    id: str
    cell: Cell
    number: int
    calls: list[str]
    fails: dict[str, LabError] = field(default_factory=dict)
    holds: bool = True
    ping: str = SILENT
    told_kata: dict[str, str] = field(default_factory=dict)
    node: Node | None = None

    @property
    def pod(self) -> Pod:
        return pods.custom(self.id, self.number)

    def _told(self, what: str) -> None:
        self.calls.append(f"{self.id} {what}")
        if what in self.fails:
            raise self.fails[what]

    def start(self) -> None:
        self._told("start")

    def restart(self) -> None:
        self._told("restart")

    def prove(self) -> tuple[tuple[Fact, ...], dict[str, str]]:
        self._told("prove")
        return (fact(holds=True), fact(holds=self.holds)), {"ip link": "raw words"}

    def console(self) -> str:
        self._told("console")
        return CONSOLE

    def run(self, argv: Sequence[str], *, timeout_s: float, check: bool) -> Completed:
        assert timeout_s > 0
        assert not check
        self._told(argv[0])
        return Completed(tuple(argv), 0, self.ping, "", 0.1)

    def configuration(self) -> dict[str, str]:
        return self.told_kata

    def share(self) -> Share | None:
        is_shared = self.cell.storage is Storage.VIRTIOFS
        return Share(daemon=SERVED, changes="/upper") if is_shared else None

    def stop(self) -> None:
        self._told("stop")


@dataclass
class FakeWatch:
    """Tells of the noise that the test wants."""

    noise: dict[str, float | None] = field(default_factory=dict)
    told: str = ""
    reads: int = 0

    def read(self) -> int:
        self.reads += 1
        return self.reads

    def since(self, before: int) -> tuple[dict[str, float | None], str]:
        assert before == self.reads
        return self.noise, self.told


@dataclass
class Rig:
    """A bench, and what its sandboxes will be like."""

    bench: Bench
    node: FakeNode
    store: Store
    watch: FakeWatch
    calls: list[str] = field(default_factory=list)
    fails: dict[str, LabError] = field(default_factory=dict)
    holds: bool = True
    made: list[FakeSandbox] = field(default_factory=list)
    ping: str = ANSWERED
    told_kata: dict[str, str] = field(default_factory=dict)

    def make(self, _setting: Setting, cell: Cell, *, name: str, number: int) -> Sandbox:
        sandbox = FakeSandbox(
            name, cell, number, self.calls, self.fails, self.holds, self.ping, self.told_kata,
            self.node,
        )  # fmt: skip
        self.made.append(sandbox)
        return cast("Sandbox", sandbox)

    def evidence(self, name: str = TCFILTER) -> list[Evidence]:
        path = self.store.path / "evidence" / f"{name}.json"
        return msgspec.json.decode(path.read_bytes(), type=list[Evidence]) if path.exists() else []

    def phases(self) -> list[str]:
        return [evidence.phase for evidence in self.evidence()]

    def told(self) -> list[str]:
        """What the sandboxes were told since this was last asked."""
        calls = list(self.calls)
        self.calls.clear()
        return calls

    def console(self) -> str:
        return self.store.console_path(TCFILTER).read_text(encoding="utf-8")


def gone(what: str = "the node is gone") -> ProvisionError:
    return ProvisionError(what, remedy="start the lab again")


def hung() -> SandboxError:
    return SandboxError("the guest's agent does not answer", remedy="read its console")
