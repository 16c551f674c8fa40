"""An axis of the matrix: an enumeration that goes on with what extensions add to it."""

from __future__ import annotations

from enum import EnumType, StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from lab import extensions
from lab.extensions import Group

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.extensions import Extension

T = TypeVar("T")

GROUPS = {
    "Network": Group.NETWORKS,
    "Storage": Group.STORAGES,
    "Runtime": Group.RUNTIMES,
}
"""By the name of an axis: what its own members are declared as."""


class _Open(EnumType):
    """Makes whoever goes through an enumeration meet what extensions add, too."""

    def __iter__(cls: type[T]) -> Iterator[T]:
        return iter((*_built_in(cls), *(cls(name) for name in own(cls))))  # type: ignore[call-arg]

    def __len__(cls) -> int:
        return sum(1 for _ in cls)


class Axis(StrEnum, metaclass=_Open):
    """
    The names of one axis: the lab's own, which are written down, and then those of extensions.

    Each is one object, as a member of any enumeration: what an extension adds is made when it is
    first asked for by its name.
    """

    @classmethod
    def _missing_(cls, value: object) -> Axis | None:
        if value not in own(cls):
            return None
        # As the standard library's Flag makes the combinations that have no name of their own.
        member = str.__new__(cls, value)
        member._name_ = member._value_ = str(value)
        cls._value2member_map_[value] = member
        return member


def own(axis: type) -> Mapping[str, Extension]:
    """
    What extensions add to *axis*, by name.

    Raises:
        ExtensionError: if one has a name that is the lab's, or another's.
    """
    names = frozenset(str(member) for member in _built_in(axis))
    return extensions.found(GROUPS[axis.__name__], names)


def _built_in(axis: type) -> tuple[Any, ...]:
    return tuple(EnumType.__iter__(axis))
