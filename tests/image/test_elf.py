"""Taking libraries out of a program: on an ELF file made here, byte by byte."""

from __future__ import annotations

import struct

import pytest

from lab.image import elf

BASE = 0x1000
"""Where the only loaded segment is in memory; in the file it begins at 0."""
HEADERS, DYNAMIC, NEEDS, NAMES = 64, 512, 1024, 1536
LIBRARIES = ("libone.so.1", "libtwo.so.2", "libthree.so.3")
FLAGS = {elf.DT_FLAGS: elf.DF_BIND_NOW | 0x2, elf.DT_FLAGS_1: elf.DF_1_NOW | 0x8000000}


def program() -> bytes:
    """Needs three libraries, a version of each, all functions bound at the start."""
    image = bytearray(2048)
    image[:4] = b"\x7fELF"
    struct.pack_into("<Q", image, 32, HEADERS)
    struct.pack_into("<HH", image, 54, 56, 3)
    for index, (kind, offset, size) in enumerate(
        [
            (elf.PT_LOAD, 0, 2048),
            (elf.PT_DYNAMIC, DYNAMIC, 512),
            (elf.PT_GNU_RELRO, DYNAMIC, 512),
        ]
    ):
        header = (kind, 4, offset, BASE + offset, BASE + offset, size)
        struct.pack_into("<IIQQQQ", image, HEADERS + 56 * index, *header)
    places, at = [], NAMES + 1
    for name in LIBRARIES:
        places.append(at - NAMES)
        image[at : at + len(name)] = name.encode()
        at += len(name) + 1
    entries = [(elf.DT_NEEDED, place) for place in places]
    entries += [(elf.DT_STRTAB, BASE + NAMES), (elf.DT_VERNEED, BASE + NEEDS)]
    entries += [(elf.DT_VERNEEDNUM, 3), *FLAGS.items(), (elf.DT_NULL, 0)]
    for index, entry in enumerate(entries):
        struct.pack_into("<qQ", image, DYNAMIC + 16 * index, *entry)
    for index, place in enumerate(places):
        step = 16 if index < 2 else 0
        struct.pack_into("<HHIII", image, NEEDS + 16 * index, 1, 0, place, 0, step)
    return bytes(image)


def dynamic(image: bytes) -> dict[int, int]:
    entries = [struct.unpack_from("<qQ", image, DYNAMIC + 16 * index) for index in range(10)]
    return {tag: value for tag, value in entries if tag != elf.DT_NEEDED}


def versions(image: bytes) -> list[int]:
    """The place of each version need, as the loader would walk them."""
    place = dynamic(image)[elf.DT_VERNEED] - BASE
    found = [place]
    while step := struct.unpack_from("<I", image, place + 12)[0]:
        place += step
        found.append(place)
    return found


def test_needed_lists_the_libraries_in_order() -> None:
    assert elf.needed(program()) == LIBRARIES


@pytest.mark.parametrize(
    ("unused", "rest", "walk"),
    [
        ({"libone.so.1"}, LIBRARIES[1:], [NEEDS + 16, NEEDS + 32]),
        ({"libtwo.so.2"}, (LIBRARIES[0], LIBRARIES[2]), [NEEDS, NEEDS + 32]),
        ({"libthree.so.3"}, LIBRARIES[:2], [NEEDS, NEEDS + 16]),
        ({"libone.so.1", "libtwo.so.2"}, LIBRARIES[2:], [NEEDS + 32]),
    ],
    ids=["first", "middle", "last", "two"],
)
def test_unused_libraries_and_their_versions_are_gone(
    unused: set[str], rest: tuple[str, ...], walk: list[int]
) -> None:
    slim = elf.without_libraries(program(), unused)

    assert elf.needed(slim) == rest
    assert versions(slim) == walk
    assert dynamic(slim)[elf.DT_VERNEEDNUM] == len(walk)


def test_functions_are_bound_late_into_a_writable_table() -> None:
    slim = elf.without_libraries(program(), {"libtwo.so.2"})

    assert dynamic(slim)[elf.DT_FLAGS] == 0x2
    assert dynamic(slim)[elf.DT_FLAGS_1] == 0x8000000
    (kind,) = struct.unpack_from("<I", slim, HEADERS + 2 * 56)
    assert kind == elf.PT_NULL


def test_nothing_else_is_changed() -> None:
    whole, slim = program(), elf.without_libraries(program(), {"libtwo.so.2"})

    assert len(slim) == len(whole)
    assert slim[NAMES:] == whole[NAMES:]
    assert slim[:HEADERS] == whole[:HEADERS]
