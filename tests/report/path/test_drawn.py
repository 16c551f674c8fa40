"""The picture in the report: the same hops, with every sign in words too, and small."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest

from lab.matrix import CONTROLS, Cell, Runtime, cells_of
from lab.network.model import LINKS
from lab.outcome import Evidence, Fact
from lab.report import html, pages
from lab.report.course import Doubts
from lab.report.path import Zone, path_of
from lab.runtime.path import WAY
from lab.storage.backend import QEMU_FILES
from tests import fake_run
from tests.evidence import added, replaced
from tests.report.page import Node, parse
from tests.report.path.recorded import CELLS, PICTURES, changed, drawn, evidence

if TYPE_CHECKING:
    from lab.run import Run

BUDGET = 2048
TCFILTER = "tcfilter+virtiofs+reference"
PAGE = (
    '{% import "path.html.j2" as path %}<section>{{ path.drawn(it, "tcfilter+9p-r1") }}</section>'
)


def source(kept: tuple[Evidence, ...]) -> str:
    return html.templates().from_string(PAGE).render(it=drawn(kept))


def document(kept: tuple[Evidence, ...]) -> Node:
    return parse(source(kept)).one("section")


@pytest.mark.parametrize("name", PICTURES)
def test_all_hops_are_there_in_their_order(name: str) -> None:
    path, page = drawn(PICTURES[name]), document(PICTURES[name])

    lanes = page.one("div", class_="path").all("div")[1:]
    assert [lane.one("h4").text for lane in lanes] == [lane.title for lane in path.lanes]
    for lane, shown in zip(path.lanes, lanes, strict=True):
        assert [b.text for b in shown.all("b")] == [hop.name for hop in lane.hops]
        assert [i.text for i in shown.all("i")] == [zone.value for zone, _ in lane.zones]
    for detail in (detail for lane in path.lanes for hop in lane.hops for detail in hop.said):
        assert " ".join(detail.split()) in page.text


@pytest.mark.parametrize("name", CELLS)
def test_a_picture_without_alarms_is_small(name: str) -> None:
    assert len(source(evidence(name)).encode()) <= BUDGET


def test_what_the_signs_mean_is_said_in_words() -> None:
    page = document(changed(TCFILTER, replaced(QEMU_FILES, "/dev/vhost-net\n", "")))

    (unread, *_) = page.all("li", class_="unread")
    assert unread.text == "route to the pod not read"
    (alarm,) = page.all("li", class_="alarm")
    assert "✗ does not hold: vhost-net: expected /dev/vhost-net, observed not open" in alarm.text
    (passed,) = document(evidence("none+9p+reference")).all("li", class_="passed")
    assert passed.text == "passed by lo is all it has"


def test_what_is_about_no_hop_stands_above_and_what_is_beside_it_below() -> None:
    strange = Fact(subject="handler of the pod", source="", expected="a", observed="b", holds=False)
    (kept,) = changed(TCFILTER, added(LINKS, {"ifname": "tunl0"}))

    page = document((Evidence(phase="before", facts=(strange,), raw=kept.raw),))

    texts = [p.text for p in page.all("p")]
    assert texts == [
        "Drawn from what was read before the measurements: qemu-system-x86_64, q35, accel=kvm.",
        "✗ does not hold: handler of the pod: expected a, observed b",
        "Also in the pod's namespace: tunl0.",
    ]


def test_names_from_a_guest_are_text_and_nothing_else() -> None:
    hostile = '</li><img src=x onerror=alert(1)>"&\x1b[31m\u202e'
    (kept,) = changed(TCFILTER)
    links = json.loads(kept.raw[LINKS])
    links[1]["ifname"] = hostile
    raw = {**kept.raw, LINKS: json.dumps(links), WAY: f"10.0.0.1 dev {hostile}"}

    page = document((Evidence(phase="before", facts=(), raw=raw),))

    assert page.all("img") == []
    names = [b.text for b in page.all("b") if "onerror" in b.text]
    decent = '</li><img src=x onerror=alert(1)>"&'
    assert names == [f"other end of {decent}", decent]


def test_the_picture_stands_above_the_table_of_the_evidence_that_it_is_of(smoke: Run) -> None:
    (boot, *_) = [name for name in smoke.evidence if name.startswith(TCFILTER)]
    run = dataclasses.replace(smoke, evidence={boot: evidence(TCFILTER)})

    page = parse(html.render(run)).one("details", id=f"cell-{TCFILTER}")

    headings = [h3.text for h3 in page.all("h3")]
    at = headings.index(f"Data path of boot {boot}")
    assert headings[at + 1] == f"Evidence of boot {boot}"
    assert "calib7eac38761d" in page.text


def test_evidence_without_answers_has_a_table_only(smoke: Run) -> None:
    bare = {
        boot: tuple(Evidence(phase=e.phase, facts=e.facts, raw={}) for e in kept)
        for boot, kept in smoke.evidence.items()
    }

    shown = html.render(dataclasses.replace(smoke, evidence=bare))

    assert "Data path of boot" not in shown
    assert "Evidence of boot" in shown


def test_only_boots_whose_evidence_is_shown_are_drawn(troubled: Run) -> None:
    for cell in troubled.header.plan.cells:
        for table in pages.page(troubled, cell, Doubts.of(troubled)).evidence:
            assert table.path == path_of(troubled.evidence[table.boot])
            assert table.path is not None


@pytest.mark.parametrize("cell", cells_of(CONTROLS), ids=str)
def test_invented_runs_have_whole_pictures_of_their_cells(cell: Cell) -> None:
    path = drawn((fake_run.evidence(cell, "after"),))

    hops = [hop for lane in path.lanes for hop in lane.hops]
    assert all(hop.is_read for hop in hops)
    assert {hop.zone for hop in hops} - {Zone.NODE, Zone.POD} == (
        {Zone.CONTAINER} if cell.runtime is Runtime.RUNC else {Zone.QEMU, Zone.GUEST}
    )
