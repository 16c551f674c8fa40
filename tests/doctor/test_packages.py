from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lab import host, system
from lab.doctor import packages
from lab.doctor.finding import State
from lab.errors import HostError
from tests.doctor.conftest import ABSENT, PRESENT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NoReturn

    import pytest

    from lab.system import Need


def test_what_is_there_is_one_line() -> None:
    first, *_ = packages.findings()

    assert (first.subject, first.state) == ("packages", State.GOOD)
    assert first.fact == "1 of 1 that the distribution has to provide are here"


def test_a_missing_package_comes_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(system, "bench_needs", lambda **_: (PRESENT, ABSENT))

    met, lack, *_ = packages.findings()

    assert met.fact.startswith("1 of 2")
    assert (lack.subject, lack.state, lack.why) == ("absent-package", State.LACK, "tests it")
    assert "apt-get install --yes --no-install-recommends absent-package" in lack.mend


def test_two_missing_packages_are_installed_by_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    installed: list[tuple[list[Need], bool]] = []

    def ensure(needs: Iterable[Need], *, say: object, asks: bool) -> None:  # noqa: ARG001 - as its own
        installed.append((list(needs), asks))

    monkeypatch.setattr(system, "bench_needs", lambda **_: (ABSENT, ABSENT))
    monkeypatch.setattr(system, "ensure", ensure)
    one, other, *_ = packages.findings()

    assert one.fix is not None
    assert one.fix is other.fix
    one.fix.apply(print)
    assert installed == [([ABSENT, ABSENT], False)]


def test_what_is_needed_depends_on_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def needs(*, user_is_root: bool) -> tuple[Need, ...]:
        asked.append(user_is_root)
        return ()

    monkeypatch.setattr(system, "bench_needs", needs)
    for uid in (0, 1000):
        monkeypatch.setattr(os, "geteuid", lambda uid=uid: uid)
        list(packages.findings())

    assert asked == [True, False]


def test_an_old_qemu_is_no_lack_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {}
    for version in ("7.2.22", "10.2.0"):
        monkeypatch.setattr(host, "qemu_version", lambda v=version: f"QEMU emulator version {v}")
        (told[version],) = (f for f in packages.findings() if f.subject == "QEMU")

    assert "would lose emulated ones" in told["7.2.22"].why
    assert told["10.2.0"].why == "runs the nodes"
    assert {finding.state for finding in told.values()} == {State.GOOD}


def test_a_qemu_that_is_missing_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> NoReturn:
        raise HostError("not installed", remedy="install it")

    monkeypatch.setattr(host, "qemu_version", none)

    assert "QEMU" not in {finding.subject for finding in packages.findings()}


def test_tools_tell_their_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"one": ("sh", "-c", "echo one 1.2.3"), "two": ("sh", "-c", "echo 4.5p1 >&2"),
             "none": ("no-such-program",), "mute": ("true",)}  # fmt: skip
    monkeypatch.setattr(packages, "ASKED", asked)

    (tools,) = (finding for finding in packages.findings() if finding.subject == "tools")

    assert tools.fact.partition(", ")[2] == "one 1.2.3, two 4.5p1"


def test_a_browser_is_nothing_that_a_run_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    (there,) = packages.browser()
    monkeypatch.setattr(system, "browser_needs", lambda: (ABSENT,))
    (missing,) = packages.browser()

    assert (there.state, there.mend) == (State.GOOD, "")
    assert missing.state is State.LESS
    assert "absent-package" in missing.mend
    assert missing.fix is None
