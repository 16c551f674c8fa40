"""This machine itself, for a story: real libvirt, a real node and real guests in it."""

from __future__ import annotations

import threading
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import libvirt

from lab import campaign, command, disks, inventory, takedown
from lab.labs import Hands
from lab.runtime.reference import ReferenceSandbox
from lab.virt import credentials
from lab.virt.connection import default_uri
from tests.chaos.world import SMOKE, World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.chaos.faults import Fault

CELL = "macvtap+9p+reference"
SCENARIOS = (
    "test_node_reaches_guest",
    "test_mac_is_the_pods",
    "test_tcp_out",
    "test_written_data_is_on_the_storage",
    "test_start_to_first_answer",
)
"""A few of the lab's own, of each kind: a story is to last a minute or two."""
OTHERS = ("test_tcp_out_two_streams",)
"""Scenarios that pytest's -k would take for one of those: their names begin alike."""
AT_WORK_S = 0.4
"""How long a tool has been at work when that is a point: each runs for a second at least."""
TOOLS = ("iperf3", "fio")
MADE = ("ssh-keygen", "qemu-img")
OF_LIBVIRT: tuple[tuple[type, str, str, str], ...] = (
    (libvirt.virConnect, "createXML", "libvirt create", "libvirt created"),
    (libvirt.virConnect, "lookupByName", "libvirt look up", ""),
    (libvirt.virConnect, "listAllDomains", "libvirt list", ""),
    (libvirt.virDomain, "destroy", "libvirt destroy", "libvirt destroyed"),
)
OF_SANDBOX = (
    ("start", "sandbox start", "sandbox started"),
    ("prove", "sandbox prove", ""),
    ("stop", "sandbox stop", "sandbox stopped"),
)


class RealWorld(World):
    """
    Nothing is played: results are in the story's folder, all else where the lab has it.

    Nobody else's lab may be up on this machine meanwhile.
    """

    begin = ("matrix", "--cells", CELL, *SMOKE, "--rounds", "1")
    boots, scenarios_a_boot = 1, len(SCENARIOS)
    samples_a_boot = 2
    """Until the rehearsal tells."""
    second = 0.0
    hang_s = 600.0

    def furnish(self) -> None:
        """Nothing: the machine is there."""

    @property
    def left(self) -> list[str]:
        """All that is left of labs and processes, and in the hands of nobody who lives."""
        found = inventory.take(default_uri())
        dead = [str(thing) for thing in found.things if thing.hands is not Hands.ALIVE]
        takedown.leave()  # to look is to use libvirt, which is on record until the looker goes
        return sorted([*dead, *found.problems])

    def faults(self) -> Mapping[Fault, Callable[[], object]]:
        """None: those that are the process's own are enough."""
        return {}

    def move_in(self, passes: Callable[[str], None]) -> None:
        """Tell what passes in libvirt, in programs, and in sandboxes."""
        _wrap(libvirt, "open", passes, before="libvirt open")
        for where, name, before, after in OF_LIBVIRT:
            _wrap(where, name, passes, before=before, after=after)
        for name, before, after in OF_SANDBOX:
            _wrap(ReferenceSandbox, name, passes, before=before, after=after)
        run = _told(command.run, passes)
        for module in (command, disks, credentials):
            setattr(module, "run", run)  # noqa: B010 - mypy does not let a function be replaced
        _tell_tools(passes)
        arguments: Callable[[], list[str]] = campaign._arguments
        chosen = f"({' or '.join(SCENARIOS)}) and not ({' or '.join(OTHERS)})"
        setattr(campaign, "_arguments", lambda: [*arguments(), "-k", chosen])  # noqa: B010


def _wrap(
    where: Any,  # noqa: ANN401 - a module or a class
    name: str,
    passes: Callable[[str], None],
    *,
    before: str,
    after: str = "",
) -> None:
    inner = getattr(where, name)

    @wraps(inner)
    def wrapper(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        passes(before)
        answer = inner(*args, **kwargs)
        if after:
            passes(after)
        return answer

    setattr(where, name, wrapper)


def _told(inner: Callable[..., Any], passes: Callable[[str], None]) -> Callable[..., Any]:
    @wraps(inner)
    def run(argv: Sequence[Any], **how: Any) -> Any:  # noqa: ANN401
        program = Path(argv[0]).name
        if program == "ssh" and "-O" not in argv:
            passes("ssh")
        elif program in MADE:
            passes(f"program {program}")
        return inner(argv, **how)

    return run


def _tell_tools(passes: Callable[[str], None]) -> None:
    """A tool is a point twice: before it starts, and while it is at work in the guest."""
    inner = ReferenceSandbox.run

    @wraps(inner)
    def run(self: ReferenceSandbox, argv: Sequence[str], **how: Any) -> Any:  # noqa: ANN401
        if argv[0] not in TOOLS or "--version" in argv:
            return inner(self, argv, **how)
        passes(argv[0])
        at_work = threading.Timer(AT_WORK_S, passes, [f"{argv[0]} at work"])
        at_work.start()
        try:
            return inner(self, argv, **how)
        finally:
            at_work.cancel()

    ReferenceSandbox.run = run  # type: ignore[method-assign]
