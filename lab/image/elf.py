"""
Taking libraries out of a program that does not use them.

Debian's fio is linked with the clients of Ceph, GlusterFS and RDMA: 55 libraries, 50 MB, of
which a local file needs none. In an emulated guest, loading them takes longer than what is
measured, at each start and through the very storage that is measured. The program's own code
stays as it is: only the list of what the loader must bring along gets shorter.

Format: elf(5) and the System V ABI; version needs: the Linux Standard Base, "Symbol versioning".
"""

from __future__ import annotations

import struct
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Set

PT_LOAD, PT_DYNAMIC, PT_NULL, PT_GNU_RELRO = 1, 2, 0, 0x6474E552
DT_NULL, DT_NEEDED, DT_STRTAB, DT_FLAGS = 0, 1, 5, 0x1E
DT_FLAGS_1, DT_VERNEED, DT_VERNEEDNUM = 0x6FFFFFFB, 0x6FFFFFFE, 0x6FFFFFFF
DF_BIND_NOW, DF_1_NOW = 0x8, 0x1

_SEGMENT = struct.Struct("<IIQQQQ")
_DYNAMIC = struct.Struct("<qQ")
_VERSION_NEED = struct.Struct("<HHIII")
_NEXT_OFFSET = 12
"""Of the link to the next one in a version need."""


@dataclass(frozen=True, slots=True)
class _Segment:
    place: int
    """Of its header in the file."""
    kind: int
    offset: int
    address: int
    size: int


def without_libraries(program: bytes, unused: Set[str]) -> bytes:
    """
    Return *program* (a 64-bit little-endian ELF) without its need for *unused*.

    Functions are then bound when they are first called, because those of the missing
    libraries cannot be bound at the start; so the table of functions stays writable, too.

    Raises:
        ImageError: if it is no such program.
    """
    with _sound_program():
        return _without_libraries(program, unused)


def needed(program: bytes) -> tuple[str, ...]:
    """
    The libraries that *program* asks for, in its own order.

    Raises:
        ImageError: if it is no such program.
    """
    with _sound_program():
        segments = tuple(_segments(program))
        entries = tuple(_dynamic_entries(program, _dynamic(segments).offset))
        names = _place_of(dict(entries)[DT_STRTAB], segments)
        return tuple(_text(program, names + value) for tag, value in entries if tag == DT_NEEDED)


@contextmanager
def _sound_program() -> Iterator[None]:
    """What leads out of a program, or is not in it, is an error that says so."""
    try:
        yield
    except (struct.error, ValueError, LookupError, ArithmeticError) as error:
        raise ImageError(
            f"a program is no ELF that can be changed: {error}",
            remedy="lock another version of its package: `lab image lock`",
        ) from error


def _without_libraries(program: bytes, unused: Set[str]) -> bytes:
    image = bytearray(program)
    segments = tuple(_segments(image))
    dynamic = _dynamic(segments)
    entries = tuple(_dynamic_entries(image, dynamic.offset))
    values = dict(entries)
    names = _place_of(values[DT_STRTAB], segments)
    first = _place_of(values[DT_VERNEED], segments)
    versions = [
        place
        for place, name in _version_needs(image, first)
        if _text(image, names + name) not in unused
    ]
    _chain(image, versions)
    changed = {
        DT_FLAGS: values.get(DT_FLAGS, 0) & ~DF_BIND_NOW,
        DT_FLAGS_1: values.get(DT_FLAGS_1, 0) & ~DF_1_NOW,
        DT_VERNEED: values[DT_VERNEED] + versions[0] - first,
        DT_VERNEEDNUM: len(versions),
    }
    kept = [
        (tag, changed.get(tag, value))
        for tag, value in entries
        if tag != DT_NEEDED or _text(image, names + value) not in unused
    ]
    kept += [(DT_NULL, 0)] * (len(entries) - len(kept))
    for index, entry in enumerate(kept):
        _DYNAMIC.pack_into(image, dynamic.offset + index * _DYNAMIC.size, *entry)
    for segment in segments:
        if segment.kind == PT_GNU_RELRO:
            struct.pack_into("<I", image, segment.place, PT_NULL)
    return bytes(image)


def _dynamic(segments: tuple[_Segment, ...]) -> _Segment:
    for segment in segments:
        if segment.kind == PT_DYNAMIC:
            return segment
    raise LookupError("it is not linked dynamically")


def _segments(image: bytes | bytearray) -> Iterator[_Segment]:
    (table,) = struct.unpack_from("<Q", image, 32)
    size, count = struct.unpack_from("<HH", image, 54)
    if size < _SEGMENT.size:
        raise ValueError(f"its segments' headers have {size} bytes")
    for place in range(table, table + size * count, size):
        kind, _, offset, address, _, length = _SEGMENT.unpack_from(image, place)
        yield _Segment(place, kind, offset, address, length)


def _place_of(address: int, segments: tuple[_Segment, ...]) -> int:
    """Where in the file the byte lies that is loaded at *address*."""
    for segment in segments:
        end = segment.address + segment.size
        if segment.kind == PT_LOAD and segment.address <= address < end:
            return address - segment.address + segment.offset
    raise LookupError(f"nothing of it is loaded at {address:#x}")


def _dynamic_entries(image: bytes | bytearray, place: int) -> Iterator[tuple[int, int]]:
    """Each entry, the end mark included."""
    while True:
        tag, value = _DYNAMIC.unpack_from(image, place)
        yield tag, value
        if tag == DT_NULL:
            return
        place += _DYNAMIC.size


def _version_needs(image: bytearray, place: int) -> Iterator[tuple[int, int]]:
    """The place of each version need, and that of its library's name among the names."""
    while True:
        _, _, name, _, step = _VERSION_NEED.unpack_from(image, place)
        yield place, name
        if not step:
            return
        place += step


def _chain(image: bytearray, places: list[int]) -> None:
    """Link the version needs at *places*, and no others, one to the next."""
    for place, following in zip(places, [*places[1:], None], strict=True):
        step = 0 if following is None else following - place
        struct.pack_into("<I", image, place + _NEXT_OFFSET, step)


def _text(image: bytes | bytearray, place: int) -> str:
    return image[place : image.index(0, place)].decode()
