"""
What is known to work where: data, in ``expectations.toml``, each line with its source.

It decides nothing by itself: a cell is run whatever is expected of it, and judged by what its
sandbox did (:mod:`lab.judgement`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from lab.axis import own
from lab.decode import DecodeError, toml_as
from lab.errors import ExpectationError
from lab.matrix import KATA, Cell, Network, Runtime, Storage, Vmm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.axis import Axis

EXPECTATIONS_FILE = Path(__file__).with_suffix(".toml")

Version = Annotated[str, msgspec.Meta(pattern=r"^\d{1,9}\.\d{1,9}\.\d{1,9}\Z")]
Text = Annotated[str, msgspec.Meta(min_length=1)]


class Expect(StrEnum):
    """What a sandbox is expected to do; the graver comes later."""

    WORKS = "works"
    NOT_IN_EFFECT = "not-in-effect"
    """It starts, and does not do what its cell asks for."""
    FAILS = "fails"


class Expectation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is expected of some networks, storages, or pairs of both, of one runtime."""

    runtime: Runtime
    vmm: Vmm = Vmm.QEMU
    since: Version | None = None
    before: Version | None = None
    network: tuple[Network, ...] = ()
    storage: tuple[Storage, ...] = ()
    expect: Expect
    text: Text | None = None
    contradicted: tuple[Text, ...] = ()
    connects: bool = True
    source: Text

    def __post_init__(self) -> None:
        if problem := self._problem():
            raise ValueError(f"{self.runtime} {', '.join(self.network + self.storage)}: {problem}")
        try:
            re.compile(self.text or "")
        except re.error as error:
            raise ValueError(f"text {self.text!r} is no regular expression: {error}") from error

    def covers(self, cell: Cell, version: str | None, vmm: Vmm) -> bool:
        """Whether this is about *cell*, in that *version* of its runtime."""
        is_axis = not self.network or cell.network in self.network
        is_axis &= not self.storage or cell.storage in self.storage
        return is_axis and self._is_about(cell.runtime, version, vmm)

    def _is_about(self, runtime: Runtime, version: str | None, vmm: Vmm) -> bool:
        if runtime is not self.runtime:
            return False
        if version is None:
            return runtime not in KATA
        is_since = self.since is None or _numbers(version) >= _numbers(self.since)
        is_before = self.before is None or _numbers(version) < _numbers(self.before)
        return is_since and is_before and vmm is self.vmm

    def _problem(self) -> str:
        has_effect = bool(self.contradicted) or not self.connects
        checks = {
            "name a network or a storage": not (self.network or self.storage),
            "only Kata has versions": self.runtime not in KATA and bool(self.since or self.before),
            "a text belongs to fails, and to nothing else": bool(self.text)
            is not (self.expect is Expect.FAILS),
            "contradicted or connects = false belong to not-in-effect, and to nothing else": (
                has_effect is not (self.expect is Expect.NOT_IN_EFFECT)
            ),
            "since is not earlier than before": bool(self.since and self.before)
            and _numbers(self.since or "") >= _numbers(self.before or ""),
        }
        return next((problem for problem, is_so in checks.items() if is_so), "")


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of one cell: the lines about it, and what they come to."""

    lines: tuple[Expectation, ...]

    @property
    def expect(self) -> Expect:
        """The gravest that a line expects."""
        return max((line.expect for line in self.lines), key=list(Expect).index)

    @property
    def texts(self) -> tuple[str, ...]:
        """What may be said when the sandbox does not start; any one of them is expected."""
        return tuple(line.text for line in self.lines if line.text)

    @property
    def contradicted(self) -> frozenset[str]:
        """The facts that will not hold."""
        return frozenset(subject for line in self.lines for subject in line.contradicted)

    @property
    def connects(self) -> bool:
        """Whether the sandbox will be reached over its network."""
        return all(line.connects for line in self.lines)

    @property
    def source(self) -> str:
        """Where the gravest expectations are from."""
        return "; ".join(line.source for line in self.lines if line.expect is self.expect)

    def __str__(self) -> str:
        if self.expect is Expect.FAILS:
            return f"fails with {' or '.join(map(repr, self.texts))}"
        if self.expect is Expect.WORKS:
            return "works"
        network = () if self.connects else ("no connection",)
        return f"starts with {', '.join((*sorted(self.contradicted), *network))} not as asked for"


class Expectations(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"lines": "expectation"}
):
    """All lines of the file."""

    lines: tuple[Expectation, ...]

    def of(self, cell: Cell, *, version: str | None = None, vmm: Vmm = Vmm.QEMU) -> Expected:
        """
        What is expected of *cell*; *version* is that of its Kata, None without one.

        Raises:
            ExpectationError: if there is not just one line about its network and one about
                its storage, or one about both.
        """
        lines = [line for line in self.lines if line.covers(cell, version, vmm)]
        both = [line for line in lines if line.network and line.storage]
        if both:
            return Expected((_only(both, f"{cell}", version),))
        network = [line for line in lines if line.network]
        storage = [line for line in lines if line.storage]
        return Expected(
            (
                _only(network, f"network {cell.network} of {cell.runtime}", version),
                _only(storage, f"storage {cell.storage} of {cell.runtime}", version),
            )
        )


def load(path: Path = EXPECTATIONS_FILE) -> Expectations:
    """
    Read the expectations: those of the file, and those that extensions bring.

    Raises:
        ExpectationError: if the file is missing or wrong.
        ExtensionError: if an extension brings none, or some that are not about itself.
    """
    try:
        brought = tuple(
            line for axis in (Network, Storage, Runtime) for line in _of_extensions(axis)
        )
        return Expectations((*toml_as(path.read_bytes(), Expectations).lines, *brought))
    except OSError as error:
        problem = f"{path}: {error.strerror}"
        raise ExpectationError(problem, remedy="restore the file") from error
    except DecodeError as error:
        remedy = "correct the line; the head of the file describes every key"
        raise ExpectationError(f"{path}: {error}", remedy=remedy) from error


def _of_extensions(axis: type[Axis]) -> Iterator[Expectation]:
    for name, extension in own(axis).items():
        text = getattr(extension.load(), "EXPECTATIONS", None)
        if not isinstance(text, str):
            raise extension.wrong("has no EXPECTATIONS of the type str")
        try:
            lines = toml_as(text, Expectations).lines
        except DecodeError as error:
            raise extension.wrong(f"has EXPECTATIONS that are none: {error}") from error
        for line in lines:
            about = {Network: line.network, Storage: line.storage, Runtime: (line.runtime,)}[axis]
            if about != (name,):
                problem = f"has EXPECTATIONS that are not about it, but {', '.join(about)}"
                raise extension.wrong(problem)
        yield from lines


def _only(lines: list[Expectation], what: str, version: str | None) -> Expectation:
    if len(lines) == 1:
        return lines[0]
    named = f"{what} {version}" if version else what
    raise ExpectationError(
        f"{len(lines) or 'no'} expectations are about the {named}",
        remedy="let lab/expectations.toml, or its extension, have just one line about it",
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
