"""The pages that are made from the code are what the code makes today."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from tests.reference import results
from tests.reference.made import DOCS, made
from tests.reference.outcomes import KINDS

if TYPE_CHECKING:
    from pathlib import Path

MADE = made()


@pytest.mark.parametrize("path", MADE, ids=lambda path: str(path.relative_to(DOCS)))
def test_it_is_what_the_code_makes(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == MADE[path], "nox -s docs -- --write"


def test_nothing_else_is_beside_them() -> None:
    folders = {path.parent for path in MADE}

    assert {path for folder in folders for path in folder.iterdir()} == set(MADE)


@pytest.mark.parametrize(
    "kind",
    dict.fromkeys([*results.types().values(), *KINDS.values()]),
    ids=lambda kind: kind.__name__,
)
def test_every_field_and_value_has_a_meaning(kind: type) -> None:
    meanings = results.members(kind)

    assert meanings
    assert [name for name, meaning in meanings.items() if not meaning] == []


def test_a_page_names_what_it_is_made_of() -> None:
    texts = {path.stem: text for path, text in MADE.items()}

    assert "`lab matrix`" in texts["cli"] or "## lab matrix" in texts["cli"]
    assert "`UNSUPPORTED`" in texts["outcomes"]
    assert "### Sample" in texts["results"]
    assert "`once_a_storage`" in texts["scenarios"]
    assert "`virtiofs-dax`" in texts["cells"]


@pytest.mark.parametrize(
    "path", [path for path in MADE if path.suffix == ".svg"], ids=lambda p: p.stem
)
def test_a_picture_says_every_hop_in_words(path: Path) -> None:
    words = " ".join(ElementTree.fromstring(MADE[path]).itertext())  # noqa: S314 - ours

    assert "network" in words
    assert "storage" in words
    assert "not read" not in words
