"""What it takes to make a run, or some of its cells, once more: as options, and as wishes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.errors import UsageError
from lab.matrix import Cell, Variant, in_order
from lab.options import OPTIONS, Wishes
from lab.plan import Ordering

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lab.records import RunHeader
    from lab.run import Run


def options(header: RunHeader, cells: Iterable[str]) -> list[str]:
    """The options that run *cells* as they were run in a run."""
    plan = header.plan
    design = plan.design
    words = ["--topology", header.topology, "--cells", ",".join(cells), "--profile", plan.profile]
    words += ["--rounds", str(design.min_rounds), "--seed", str(plan.seed)]
    words += ["--controls", "none"]
    words += ["--order", plan.ordering] if plan.ordering is Ordering.SEQUENTIAL else []
    return [*words, *header.options]


def of_plain(cell: str) -> str:
    """What to run for a cell alone: a twin is its plain cell."""
    known = Cell.parse(cell)
    return str(known.plain if known.variant is Variant.TWIN else known)


def wishes(run: Run, cells: Sequence[str]) -> Wishes:
    """
    The wishes of a run that makes *cells* of *run* once more, beside it and on the same node.

    A run that was to add rounds is to do so again, within the same budget.
    """
    words = options(run.header, cells)
    if (budget_s := run.header.plan.design.budget_s) is not None:
        words += ["--budget", f"{budget_s:.0f}s"]
    if run.environment is not None:
        words += ["--accel", run.environment.accelerator]
    words += ["--output", str(run.path.parent)]
    values = dict(zip(words[::2], words[1::2], strict=True))
    names = {option.name: option.flag for option in OPTIONS}
    return Wishes.read(lambda name: values.get(names[name]))


def failed_cells(run: Run) -> tuple[str, ...]:
    """The cells of the boots in which something ended badly, in the order of the matrix."""
    bad = {record.boot for record in run.outcomes if record.outcome.is_bad} | set(run.distrusted)
    cells = {Cell.parse(of_plain(boot.cell_name)) for boot in run.order if boot.id in bad}
    # A handicap is held to what its plain cell shows.
    return tuple(map(str, in_order(cells | {cell.plain for cell in cells})))


def chosen_cells(run: Run, cell: str | None) -> tuple[str, ...]:
    """
    All cells of *run*, or the one that is named.

    Raises:
        UsageError: if the run has no such cell.
    """
    names = run.header.plan.cell_names
    if cell is None:
        return names
    if cell not in names:
        raise UsageError(
            f"{run.header.id} has no cell {cell!r}", remedy=f"it has {', '.join(names)}"
        )
    return (of_plain(cell),)
