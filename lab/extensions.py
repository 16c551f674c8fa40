"""
The one door by which a network, a storage, a runtime, a scenario or a view of a report comes in.

What the lab itself has comes first; after it, what installed distributions declare as entry points
of the groups below (packaging.python.org, "Entry points specification"). They are listed when the
first name is asked for that needs them, once in a process, and none is imported before it is used.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from lab.errors import ExtensionError

T = TypeVar("T")

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
"""What can be a part of a cell's name, of a file's and of a pattern of ``--cells``."""


CALL = "__call__"
"""What is asked of an object that is a function itself."""


class Group(StrEnum):
    """What an entry point is declared as."""

    NETWORKS = "kata_lab.networks"
    STORAGES = "kata_lab.storages"
    RUNTIMES = "kata_lab.runtimes"
    SCENARIOS = "kata_lab.scenarios"
    VIEWS = "kata_lab.views"

    @property
    def noun(self) -> str:
        """What one of them is called."""
        return self.removeprefix("kata_lab.").removesuffix("s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """One entry point of an installed distribution."""

    group: Group
    name: str
    place: str
    """Where its object is: ``package.module`` or ``package.module:attribute``."""
    distribution: str
    """Who declares it: name and version."""

    def __str__(self) -> str:
        return f"{self.group.noun} {self.name!r} of {self.distribution}"

    @property
    def version(self) -> tuple[str, str]:
        """Its distribution's name and version, apart."""
        name, _, version = self.distribution.partition(" ")
        return name, version

    def folder(self) -> Path:
        """
        Where its module lies: a file, or a package's folder.

        Raises:
            ExtensionError: if there is no such module, or it is in no file.
        """
        return self._place_of(self.place.partition(":")[0])

    def code(self) -> Path:
        """Where all its code lies: as :meth:`folder`, of the whole package."""
        return self._place_of(self.place.partition(":")[0].partition(".")[0])

    def _place_of(self, module: str) -> Path:
        from importlib.util import find_spec  # noqa: PLC0415 - as in load

        try:
            spec = find_spec(module)
        except Exception as error:  # it imports what the module is in
            raise self.wrong(f"cannot be found: {type(error).__name__}: {error}") from error
        if spec is None:
            raise self.wrong("cannot be found: there is no such module")
        if folders := spec.submodule_search_locations:
            return Path(next(iter(folders)))
        if not spec.has_location or spec.origin is None:
            raise self.wrong("is in no file")
        return Path(spec.origin)

    def load(self) -> object:
        """
        Import its object.

        Raises:
            ExtensionError: if it cannot be imported, whatever the reason.
        """
        from importlib.metadata import EntryPoint  # noqa: PLC0415 - slow, and rarely needed

        point = EntryPoint(name=self.name, value=self.place, group=self.group)
        try:
            return point.load()
        except Exception as error:  # what somebody else's module does on import may fail anyhow
            raise self.wrong(f"cannot be imported: {type(error).__name__}: {error}") from error

    def wrong(self, problem: str) -> ExtensionError:
        """An error that says what is wrong with it, whose it is and what mends it."""
        return ExtensionError(
            f"the {self}, at {self.place}, {problem}",
            remedy="mend it (docs/extend.md says what it must offer), or uninstall"
            f" {self.version[0]}",
        )


def found(group: Group, built_in: frozenset[str] = frozenset()) -> Mapping[str, Extension]:
    """
    What is declared as *group* besides what the lab has of it, by name, in the order of names.

    Raises:
        ExtensionError: if a name cannot be one, is *built_in*, or is declared twice.
    """
    own: dict[str, Extension] = {}
    for each in _declared()[group]:
        if not NAME.fullmatch(each.name):
            raise each.wrong("has a name that cannot be one: use a-z, 0-9 and inner dashes")
        if each.name in built_in:
            raise each.wrong(f"has the name of a {group.noun} of the lab's own: choose another")
        if each.name in own:
            raise each.wrong(f"has the name of another, of {own[each.name].distribution}")
        own[each.name] = each
    return own


def that_measure() -> tuple[Extension, ...]:
    """All that may take part in what is measured: whatever is no view of it afterwards."""
    groups = (group for group in Group if group is not Group.VIEWS)
    return tuple(each for group in groups for each in _declared()[group])


@cache
def _declared() -> Mapping[Group, tuple[Extension, ...]]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - as above

    every = entry_points()
    return {
        group: tuple(
            sorted(
                {
                    Extension(
                        group=group,
                        name=point.name,
                        place=point.value,
                        distribution=f"{point.dist.name} {point.dist.version}"
                        if point.dist
                        else "a distribution without a name",
                    )
                    for point in every.select(group=group)
                },
                key=lambda each: (each.name, each.distribution),
            )
        )
        for group in Group
    }


class Described(Protocol):
    """What a network or a storage of an extension tells besides; of the lab's own, tables do."""

    MEANING: str
    """What it is, in a few words, for the report."""
    EXPECTATIONS: str
    """What is known of it: lines as in ``lab/expectations.toml``, each with its source."""


class Registry(Mapping[str, T], Generic[T]):
    """
    All of one group by name: the built-in ones first, then those of distributions.

    Those are imported and checked when they are asked for.
    """

    def __init__(self, group: Group, built_in: Mapping[str, T], interface: Interface) -> None:
        self._group = group
        self._built_in = dict(built_in)
        self.interface = interface
        self._loaded: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        """
        The one called *name*.

        Raises:
            KeyError: if there is none.
            ExtensionError: if it is not what its group must be.
        """
        if name in self._built_in:
            return self._built_in[name]
        if name not in self._loaded:
            extension = self._own()[name]
            one = extension.load()
            if problem := self.interface.problem_of(one):
                raise extension.wrong(problem)
            self._loaded[name] = one  # type: ignore[assignment] # it has just been checked
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._built_in
        yield from self._own()

    def __len__(self) -> int:
        return len(self._built_in) + len(self._own())

    def _own(self) -> Mapping[str, Extension]:
        return found(self._group, frozenset(map(str, self._built_in)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """What an object of a group must offer, so that it fails when it is loaded and not in a run."""

    protocol: type
    """Its functions, each to be called with as many arguments."""
    values: Mapping[str, type]
    """Its other attributes, and of what type they are."""
    is_class: bool = False
    """Whether it is a class of what the protocol describes, not the thing itself."""

    def problem_of(self, one: object) -> str:
        """What *one* lacks, in words that go on a sentence; empty if nothing."""
        if self.is_class and not inspect.isclass(one):
            return "is no class"
        for name, kind in self.values.items():
            if not isinstance(getattr(one, name, None), kind):
                return f"has no {name} of the type {kind.__name__}"
        functions = {
            name: value
            for name, value in vars(self.protocol).items()
            if inspect.isfunction(value) and (name == CALL or not name.startswith("_"))
        }
        for name, wanted in functions.items():
            if problem := self._problem_of_function(
                one if name == CALL else getattr(one, name, None), name, wanted
            ):
                return problem
        return ""

    def _problem_of_function(self, has: object, name: str, wanted: Callable[..., object]) -> str:
        if not callable(has):
            return f"has no function {name}" if name != CALL else "is no function"
        parameters = list(inspect.signature(wanted).parameters.values())[not self.is_class :]
        plain = [each for each in parameters if each.kind is not each.KEYWORD_ONLY]
        named = [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]
        try:
            inspect.signature(has).bind(*plain, **dict.fromkeys(named))
        except TypeError as error:
            which = f"has a function {name} that" if name != CALL else "is a function that"
            return f"{which} cannot be called as it will be: {error}"
        return ""
