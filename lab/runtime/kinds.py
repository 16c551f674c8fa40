"""Which kind of sandbox a cell is, by its runtime and by what the lab runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lab.extensions import Group, Interface, Registry
from lab.matrix import KATA, Cell, Runtime
from lab.runtime.kata import KataSandbox
from lab.runtime.pod import PodSandbox
from lab.runtime.reference import ReferenceSandbox
from lab.runtime.runc import RuncSandbox
from lab.runtime.sandbox import Sandbox

if TYPE_CHECKING:
    from lab.runtime.setting import Setting


class Kind(Protocol):
    """A class of sandboxes: what makes one of a cell, not started yet."""

    def __call__(self, setting: Setting, cell: Cell, *, name: str, number: int) -> Sandbox:
        """Make it; *number* gives it its address."""


KINDS: Registry[Kind] = Registry(
    Group.RUNTIMES,
    {
        Runtime.RUNC: RuncSandbox,
        Runtime.REFERENCE: ReferenceSandbox,
        **dict.fromkeys(KATA, KataSandbox),
    },
    Interface(protocol=Sandbox, values={"EXPECTATIONS": str}, is_class=True),
)
"""By the name of a runtime, where sandboxes are no pods."""


def sandbox(setting: Setting, cell: Cell, *, name: str, number: int) -> Sandbox:
    """A sandbox of *cell*, not started yet; *number* gives it its address."""
    if setting.topology.is_cluster:
        return PodSandbox(setting, cell, name=name, number=number)
    return KINDS[cell.runtime](setting, cell, name=name, number=number)
