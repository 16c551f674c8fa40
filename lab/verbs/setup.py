"""`lab image`: builds and locks what nodes and sandboxes boot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.verbs.parser import OK, Group, Verbs

if TYPE_CHECKING:
    import argparse


COLUMNS, INDENT = 80, "      "


def add(verbs: Verbs) -> None:
    """Offer it."""
    image = verbs.add("image", _image_build, "build or lock the images", group=Group.SET_UP)
    below = Verbs(image)
    below.add("build", _image_build, "build what is not there")
    below.add("lock", _image_lock, "move the lock to what the mirror has now")

    scenarios = verbs.add(
        "scenarios",
        _scenarios,
        'print the folder of the scenarios: pytest "$(lab scenarios)"',
        group=Group.SET_UP,
    )
    scenarios.add_argument(
        "--fixtures", action="store_true", help="say what a scenario can ask for instead"
    )


def _scenarios(arguments: argparse.Namespace) -> int:
    from lab.places import LAB, SCENARIOS  # noqa: PLC0415

    if not arguments.fixtures:
        print(SCENARIOS)
        return OK
    import textwrap  # noqa: PLC0415

    from lab import docstrings  # noqa: PLC0415

    for path in (LAB / "fixtures.py", *sorted(SCENARIOS.rglob("conftest.py"))):
        where = "everywhere" if path.parent == LAB else f"in {path.parent.name}/"
        print(f"{where}:")
        for each in docstrings.fixtures(path):
            print(f"  {each.name}, for {each.lives_for}")
            print(
                textwrap.fill(
                    each.meaning, COLUMNS, initial_indent=INDENT, subsequent_indent=INDENT
                )
            )
    return OK


def _image_build(_arguments: argparse.Namespace) -> int:
    from lab.image.build import build  # noqa: PLC0415
    from lab.image.lock import load  # noqa: PLC0415

    images = build(load(), say=print)
    for name in ("node", "guest", "workload"):
        print(f"{name:9} {getattr(images, name).digest}")
    return OK


def _image_lock(_arguments: argparse.Namespace) -> int:
    from lab.image.lock import relock  # noqa: PLC0415

    relock()
    return OK
