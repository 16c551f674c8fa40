"""All that is made from the code, by the file that it is in."""

from __future__ import annotations

from pathlib import Path

from lab import hints
from tests.reference import cells, cli, outcomes, pytest_side, results
from tests.reference.picture import pictures

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {
    "cells": cells.text,
    "cli": cli.text,
    "hints": hints.page,
    "outcomes": outcomes.text,
    "results": results.text,
    "scenarios": pytest_side.text,
}


def made() -> dict[Path, str]:
    """What each file should hold."""
    pages = {DOCS / "reference" / f"{name}.md": make() for name, make in PAGES.items()}
    drawn = {DOCS / "paths" / f"{cell}.svg": text for cell, text in pictures().items()}
    return {**pages, **drawn}
