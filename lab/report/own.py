"""Views of one's own: sections of the report that an extension decides and the lab draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lab.errors import ExtensionError
from lab.extensions import Group, Interface, Registry

if TYPE_CHECKING:
    from lab.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a section says: a title, a paragraph, a table. All of it is text, and shown as such."""

    title: str
    lead: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    """As many texts each as there are columns; the first of them is what the row is about."""

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"a row has not {len(self.columns)} texts, as there are columns")


class Viewer(Protocol):
    """What makes a view of a run: of the run alone, so that the same run gives the same bytes."""

    def __call__(self, run: Run) -> View | None:
        """Make it; None of a run that it has nothing to say of."""


VIEWERS: Registry[Viewer] = Registry(Group.VIEWS, {}, Interface(protocol=Viewer, values={}))
"""By name. The lab's own sections are no such views: they are drawn, not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One view in the report."""

    name: str
    view: View
    problem: str = ""
    """Why there is nothing in it; a run that took hours is reported all the same."""


def sections(run: Run) -> tuple[Section, ...]:
    """All views that extensions make of *run*, in the order of their names."""
    made = (_section(name, run) for name in VIEWERS)
    return tuple(section for section in made if section is not None)


def _section(name: str, run: Run) -> Section | None:
    try:
        view: object = VIEWERS[name](run)
    except ExtensionError as error:
        return Section(name=name, view=View(title=name), problem=str(error))
    except Exception as error:  # noqa: BLE001 - somebody else's code must not cost the report
        problem = f"it failed: {type(error).__name__}: {error}"
        return Section(name=name, view=View(title=name), problem=problem)
    if view is None:
        return None
    if isinstance(view, View):
        return Section(name=name, view=view)
    problem = f"it has made a {type(view).__name__}, which is no View"
    return Section(name=name, view=View(title=name), problem=problem)
