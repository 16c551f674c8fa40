"""Which kind of sandbox a cell is, by its runtime and by what the lab runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.matrix import KATA, Cell, Runtime
from lab.runtime.kata import KataSandbox
from lab.runtime.pod import PodSandbox
from lab.runtime.reference import ReferenceSandbox
from lab.runtime.runc import RuncSandbox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.runtime.sandbox import Sandbox
    from lab.runtime.setting import Setting

KINDS: Mapping[Runtime, type[RuncSandbox | ReferenceSandbox | KataSandbox]] = {
    Runtime.RUNC: RuncSandbox,
    Runtime.REFERENCE: ReferenceSandbox,
    **dict.fromkeys(KATA, KataSandbox),
}
"""Where no cluster starts them."""


def sandbox(setting: Setting, cell: Cell, *, name: str, number: int) -> Sandbox:
    """A sandbox of *cell*, not started yet; *number* gives it its address."""
    if setting.topology.is_cluster:
        return PodSandbox(setting, cell, name=name, number=number)
    return KINDS[cell.runtime](setting, cell, name=name, number=number)
