"""The report as one self-contained HTML file: no request to anywhere, works without scripts."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lab.cost import PARTS
from lab.report import view
from lab.report.axes import meaning
from lab.report.slim import slim
from lab.text import clean

if TYPE_CHECKING:
    from lab.run import Run
from lab.units import count


def render(run: Run) -> str:
    """Write the page. The same run gives the same bytes."""
    return render_report(view.build(run))


def render_report(report: view.Report) -> str:
    """Write the page of a report that is already decided."""
    return page("report.html.j2", report=report)


def page(template: str, **shown: object) -> str:
    """Fill *template* with what is *shown*, and with the style and the script of all pages."""
    style, script = _packed(_asset("report.css") + _asset("path.css")), _bare(_asset("report.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return slim(
        templates()
        .get_template(template)
        .render(
            **shown,
            style=Markup(style),  # noqa: S704 - the package's own file
            script=Markup(script),  # noqa: S704 - the package's own file
            script_digest=digest,
        )
    )


@cache
def templates() -> Environment:
    """The templates of the package; whatever one prints is made safe first."""
    environment = Environment(
        loader=PackageLoader("lab.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(count=count, meaning=meaning, cost_parts=PARTS)
    return environment


def _printable(value: object) -> object:
    """Everything that a template prints passes here: nothing unclean can be forgotten."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _packed(style: str) -> str:
    """Take out the spaces that are for whoever reads the file."""
    return re.sub(r"\s*([{};])\s*", r"\1", style)


def _bare(script: str) -> str:
    """Take out the indents, and the lines that are comments: no string of it goes over a line."""
    return re.sub(r"^\s*(//.*\n)?", "", script, flags=re.MULTILINE)


def _asset(name: str) -> str:
    return (resources.files("lab.report") / "templates" / name).read_text(encoding="utf-8")
