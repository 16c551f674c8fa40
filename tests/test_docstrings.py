from __future__ import annotations

from enum import StrEnum

from lab import docstrings
from lab.matrix import Network, Runtime, Storage, Variant


class Fruit(StrEnum):
    """What grows."""

    APPLE = "apple"
    PEAR = "pear"
    """
    Of a pear, :attr:`Fruit.APPLE` and ``others``.

    Two paragraphs.
    """


def test_a_member_has_what_stands_below_it() -> None:
    assert (
        docstrings.of_member(Fruit.PEAR) == "Of a pear, Fruit.APPLE and `others`. Two paragraphs."
    )


def test_a_member_with_nothing_below_it_has_nothing() -> None:
    assert docstrings.of_member(Fruit.APPLE) == ""


def test_paragraphs_are_lines() -> None:
    assert docstrings.paragraphs("\n    One\n    two.\n\n    Three.\n    ") == (
        "One two.",
        "Three.",
    )
    assert docstrings.paragraphs("") == ()


def test_the_code_says_what_its_runtimes_are() -> None:
    assert docstrings.of_member(Runtime.RUNC) == "Control: no guest. What the node itself can do."
    assert docstrings.of_member(Network.VETH)
    assert docstrings.of_member(Storage.PMEM_DAX)
    assert docstrings.of_member(Variant.TWIN)
