"""
JSON, TOML and XML from outside: one door, and whatever is wrong with a text is one error.

Each decoder has failures of its own that nobody thinks of: nested too deep, a number with too many
digits, half a character, a date that no calendar has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from xml.etree import ElementTree

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

SHOWN_CHARS = 300


class DecodeError(ValueError):
    """A text is not what it should be; says so in one line, for whoever knows what it was."""


def json_as(raw: bytes | str, kind: type[T]) -> T:
    """
    Read *raw* as JSON of the shape *kind*.

    Raises:
        DecodeError: if it is something else.
    """
    return guarded(lambda: msgspec.json.decode(raw, type=kind), msgspec.DecodeError)


def toml_as(raw: bytes | str, kind: type[T]) -> T:
    """
    Read *raw* as TOML of the shape *kind*.

    Raises:
        DecodeError: if it is something else.
    """
    return guarded(lambda: msgspec.toml.decode(raw, type=kind), msgspec.DecodeError)


def xml(text: str) -> ElementTree.Element:
    """
    Read *text* as XML without a document type: what that declares could grow beyond all memory.

    Raises:
        DecodeError: if it is something else.
    """
    if "<!DOCTYPE" in text:
        raise DecodeError("it declares a document type")
    parse = ElementTree.fromstring
    return guarded(lambda: parse(text), ElementTree.ParseError)


def guarded(decode: Callable[[], T], *refusals: type[Exception]) -> T:
    """
    Do *decode*, which has *refusals* of its own; whatever it fails with is one error.

    Raises:
        DecodeError: if it fails.
    """
    try:
        return decode()
    except RecursionError as error:
        raise DecodeError("it is nested too deep") from error
    except refusals as error:
        raise DecodeError(quoted(str(error))) from error
    except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
        # What decoders make of a number, a date, a key or a tag that is none.
        raise DecodeError(f"a value in it is none: {quoted(str(error))}") from error


def quoted(text: str) -> str:
    """The end of a *text* that was not understood, in one line that an error can show."""
    said = " ".join(text[-2 * SHOWN_CHARS :].split())
    return f"...{said[-SHOWN_CHARS:]}" if len(said) > SHOWN_CHARS else said
