from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from collections import deque
from typing import TYPE_CHECKING

import msgspec
import pytest

from lab import hints, report
from lab.matrix import CONTROL_CELLS, CONTROLS, DEFAULT_CELLS, Cell, cells_of
from lab.outcome import Outcome
from lab.plan import Design
from lab.records import Leaks, LookRecord, RunStatus
from lab.report import html, markdown, verdict, view
from lab.run import Run, exit_status
from lab.stats.precision import Stop
from tests.fake_run import CHECKS, CONSOLE, METRICS, NO_DAX, FakeRun, Trouble, repeated
from tests.report.conftest import DAX
from tests.report.page import Node, parse

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "</script><img src=x onerror=alert(1)>\x1b[31m\x00\x9b\u202e'\"&amp;"
DECENT = "</script><img src=x onerror=alert(1)>'\"&amp;"


_pages: deque[tuple[Run, Node]] = deque(maxlen=8)
"""What was shown last: most tests ask the same few runs, which none of them changes."""


def page(run: Run) -> Node:
    for shown, document in _pages:
        if shown is run:
            return document
    document = parse(html.render(run))
    _pages.append((run, document))
    return document


FOLDERS = {
    "evidence": ("evidence/", ".json"),
    "console": ("consoles/", ".log"),
    "reports": ("raw/", "/"),
}
"""As the script has them."""


def cells_in(document: Node) -> list[str]:
    """The cells that the rows of panels point to by number."""
    return document.one("section", id="metrics").attributes["data-cells"].split()


def row_of(document: Node, panel: Node, cell: str) -> Node:
    """The row of a cell in a panel."""
    return panel.one("tr", data_cell=str(cells_in(document).index(cell)))


def pages_of(run: Run) -> dict[str, Node]:
    """The pages of a report's cells, by cell."""
    every = page(run).one("section", id="cells").all("details")
    return {node.attributes["id"].removeprefix("cell-"): node for node in every}


def place(document: Node, cell: str) -> Node:
    """The matrix's place of a cell."""
    return document.one("table", id="matrix").one("td", data_shows=cell)


def test_the_verdict_comes_first(smoke: Run) -> None:
    assert page(smoke).one("h1").text == (
        "9 of 9 reference cells and 2 of 2 runc controls measured; 3 unsupported; 0 failed;"
        " these are not hardware's numbers."
    )


def test_a_run_with_failures_says_how_many(troubled: Run) -> None:
    document = page(troubled)

    assert document.one("h1").text == (
        "8 of 9 reference cells and 2 of 2 runc controls measured; 3 unsupported; 3 failed."
    )
    assert "does not pass" in document.one("p", class_="state").text


def test_emulation_is_said_in_large_letters_with_its_reason(smoke: Run) -> None:
    headline, reason = page(smoke).one("div", class_="banner").all("p")

    assert headline.text == "Emulated: these are not hardware's numbers."
    assert "/dev/kvm is there" in reason.text


def test_hardware_has_no_banner(troubled: Run) -> None:
    assert page(troubled).all("div", class_="banner") == []


def test_an_unrecorded_accelerator_is_not_taken_for_hardware(smoke: Run) -> None:
    document = page(dataclasses.replace(smoke, environment=None))

    assert "not on record" in document.one("div", class_="banner").text


def test_failures_come_before_the_numbers_the_gravest_first(troubled: Run) -> None:
    problems = page(troubled).one("section", id="failures").all("article")

    tags = [problem.one("span", class_="tag").text for problem in problems]
    assert tags == ["✗ INVALID", "✗ BLOCKED", "✗ FAIL"]
    source = html.render(troubled)
    assert source.index("id=failures") < source.index("id=matrix")


def test_a_failure_has_its_console_and_the_command_that_repeats_it(troubled: Run) -> None:
    blocked = page(troubled).one("section", id="failures").all("article")[1]

    console, command = blocked.all("pre")
    assert console.children == ["\n".join(CONSOLE)]
    assert command.text == (
        "lab matrix --topology embedded --cells macvtap+9p+reference"
        " --profile standard --rounds 5 --seed 7 --controls none"
    )
    assert "all 19 scenarios; all boots" in blocked.text


def letters(text: str) -> str:
    """*text* without spaces, and without the quotes that a page shows as another type."""
    return re.sub(r"[\s`]", "", text)


def test_a_failure_has_what_is_known_of_it(troubled: Run) -> None:
    invalid, blocked, failed = page(troubled).one("section", id="failures").all("article")

    assert letters(hints.named("kernel-panic").mend) in letters(blocked.text)
    assert "lab logs BOOT -n 0" in [code.text for code in blocked.all("code")]
    assert "Hint:" not in invalid.text + failed.text


def test_emulation_has_what_is_known_of_its_reason(smoke: Run) -> None:
    assert smoke.environment is not None
    reason = "the node's kernel does not run under /dev/kvm: error: failed to set MSR 0x10a to 0x69"
    environment = msgspec.structs.replace(smoke.environment, accelerator_reason=reason)

    banner = page(dataclasses.replace(smoke, environment=environment)).one("div", class_="banner")

    assert letters(hints.named("kvm-msr").cause) in letters(banner.text)


def test_a_failure_of_some_boots_names_scenario_and_rounds(troubled: Run) -> None:
    failed = page(troubled).one("section", id="failures").all("article")[2]

    assert "path MTU is 1439 bytes" in failed.text
    assert "path mtu is exact; boots r2, r4 of 5" in failed.text


def test_the_matrix_has_networks_by_storages_in_their_order(smoke: Run) -> None:
    matrix = page(smoke).one("table", id="matrix")

    columns = [th.one("b").text for th in matrix.all("th", scope="col")]
    rows = [th.one("b").text for th in matrix.all("th", scope="row")]
    assert columns == ["virtiofs", "virtiofs-dax", "9p", "devmapper"]
    assert rows == ["control", "tcfilter", "macvtap", "none"]


def test_each_runtime_has_a_row_of_its_own_below_the_reference(kata: Run) -> None:
    matrix = page(kata).one("table", id="matrix")

    rows = [row.all("th")[0].one("b").text for row in matrix.all("tr") if row.all("th")]
    assert rows[1:] == [
        "virtiofs",
        "tcfilter · reference",
        "tcfilter · kata-go",
        "tcfilter · kata-rs",
        "none · reference",
        "none · kata-go",
        "none · kata-rs",
    ]
    shown = {place.attributes.get("data-shows") for place in matrix.all("td")}
    assert {"tcfilter+9p+kata-go", "tcfilter+9p+kata-rs", "none+virtiofs+kata-rs"} <= shown
    assert "Invalid internetworking model" in matrix.text


def test_panels_name_the_runtimes_that_are_katas(kata: Run) -> None:
    names = {row.one("th").text for row in page(kata).all("tr") if "data-cell" in row.attributes}

    assert {"virtiofs · tcfilter", "virtiofs · tcfilter · kata-go"} <= names


def test_artefacts_that_were_built_locally_are_said(kata: Run, smoke: Run) -> None:
    (notice,) = page(kata).all("p", class_="notice")

    assert notice.text == ("Built locally, and not upstream's: kata-go 3.28.0, crictl v1.36.0.")
    assert page(smoke).all("p", class_="notice") == []


def test_one_boot_never_has_a_spread(smoke: Run) -> None:
    source = html.render(smoke)

    cell = place(parse(source), "tcfilter+virtiofs+reference")
    assert cell.one("span", class_="s").text == "one boot: no spread"
    assert "±0" not in source


def test_several_boots_have_value_spread_and_ratio(troubled: Run) -> None:
    cell = place(page(troubled), "macvtap+virtiofs+reference")

    assert cell.one("span", class_="v").text.endswith("Mbit/s")
    assert re.fullmatch(r"±\d\.\d %, 5 boots", cell.one("span", class_="s").text)
    assert re.fullmatch(r"0\.0\d\d\u00d7 \? not judged", cell.one("span", class_="c").text)
    assert len(re.findall("M", cell.all("path")[-1].attributes["d"])) == 5


def test_an_invalid_boot_is_in_no_mean_and_on_record(troubled: Run) -> None:
    document = page(troubled)
    name = "tcfilter+virtiofs+reference"

    assert place(document, name).one("span", class_="s").text.endswith("4 of 5 boots")
    details = document.one("details", id=f"cell-{name}")
    assert len(details.all("s")) == len(METRICS) + 1
    assert "✗ does not hold: overlay" in details.text
    assert "r4: evidence after the measurements" in details.text


def test_an_unsupported_cell_is_hatched_with_its_reason_never_blank(smoke: Run) -> None:
    missing = page(smoke).one("table", id="matrix").all("td", class_="missing")

    assert len(missing) == 3
    for cell in missing:
        assert cell.one("span", class_="tag").text == "UNSUPPORTED"
        assert cell.one("span", class_="why").text == NO_DAX
    assert NO_DAX in page(smoke).one("section", id="absent").text


def test_scenarios_that_the_same_cells_lack_for_the_same_reason_are_told_of_once() -> None:
    names = ["none+9p+reference", "tcfilter+9p+reference", "macvtap+9p+reference"]
    reason = "smoke asks one sandbox of each storage"
    records = [
        msgspec.structs.replace(record, outcome=Outcome.NOT_RUN, reason=reason)
        if record.cell in names[:2] and record.scenario in CHECKS[:3]
        else record
        for record in FakeRun().read().recorded
    ]
    run = dataclasses.replace(FakeRun().read(), recorded=tuple(records))

    (item,) = page(run).one("section", id="absent").one("ul", class_="absences").all("details")
    (line,) = item.all("li")

    assert item.one("summary").text == f"NOT-RUN 3 scenarios in {names[1]}, {names[0]} {reason}"
    assert names[2] not in line.text
    assert line.text == (
        "guest reaches node, node reaches guest, path mtu is exact"
        f" tcfilter+9p+reference, none+9p+reference: {reason}"
    )
    assert "- NOT-RUN (3 scenarios in tcfilter+9p+reference, none+9p+reference): smoke" in (
        markdown.render(view.build(run)).replace("\\", "")
    )


def test_a_cell_that_lacks_only_this_metric_says_why(tmp_path: Path) -> None:
    trouble = {
        "none+9p+reference": Trouble(Outcome.INFRA, "ssh hung", scenario=METRICS[0].scenario)
    }
    document = page(Run.load(FakeRun(trouble=trouble).write(tmp_path)))

    cell = place(document, "none+9p+reference")
    assert (cell.one("span", class_="tag").text, cell.one("span", class_="why").text) == (
        "INFRA",
        "ssh hung",
    )
    panel = document.one("article", id=f"metric-{METRICS[1].metric.name}")
    assert row_of(document, panel, "none+9p+reference").one("span", class_="v").text


def test_controls_stand_over_the_storages_that_they_are_compared_with(smoke: Run) -> None:
    controls = page(smoke).one("table", id="matrix").all("td", class_="control")

    assert [(c.attributes["data-shows"], c.attributes.get("colspan", "1")) for c in controls] == [
        ("veth+overlayfs+runc", "3"),
        ("veth+devmapper+runc", "1"),
    ]
    assert all(not control.all("span", class_="c") for control in controls)


def test_worse_and_better_follow_the_metrics_direction(smoke: Run) -> None:
    document = page(smoke)
    latency = document.one("article", id="metric-fsync_p50")
    row = row_of(document, latency, "tcfilter+9p+reference")

    assert latency.one("p", class_="direction").text == "lower is better"
    assert re.fullmatch(r"\d\.\d+\u00d7 \?", row.one("span", class_="c").text)
    assert row.attributes["data-look"] == "worse-3"


def test_a_metric_that_may_be_zero_has_no_ratio(smoke: Run) -> None:
    assert page(smoke).one("article", id="metric-udp_loss").all("span", class_="c") == []


def test_every_place_of_the_matrix_finds_its_rows_for_the_script(smoke: Run) -> None:
    document = page(smoke)
    places = [
        td.attributes["data-shows"] for td in document.all("td") if "data-shows" in td.attributes
    ]
    box = document.one("select", id="metric")
    options = [option.attributes["value"] for option in box.all("option")]

    cells = cells_in(document)
    assert len(places) == 11
    assert options == [each.metric.name for each in METRICS] + ["sandbox_memory"]
    for name in options:
        rows = document.one("article", id=f"metric-{name}").all("tr")
        found = {
            cells[int(row.attributes["data-cell"])] for row in rows if "data-cell" in row.attributes
        }
        assert set(places) <= found | (
            {str(c) for c in CONTROL_CELLS} if "memory" in name else set()
        )


def test_every_file_of_a_boot_is_where_the_script_looks_for_it(smoke: Run, troubled: Run) -> None:
    """By the boot's name alone: written out, the links would be a fifth of a large report."""
    for run in (smoke, troubled):
        looked = 0
        for cell, details in pages_of(run).items():
            for row in details.all("tr"):
                if not (files := row.all("td", class_="files")):
                    continue
                boot = row.attributes.get("data-id", f"{cell}-{row.one('th').text}")
                kept = files[0].attributes.get("data-kept", "evidence console reports").split()
                for kind in kept:
                    before, after = FOLDERS[kind]
                    assert (run.path / f"{before}{boot}{after}").exists()
                    looked += 1
        assert looked > len(run.order)


def test_every_link_leads_to_a_file_of_the_run_or_into_the_page(troubled: Run) -> None:
    report.write(troubled.path)
    document = page(troubled)
    ids = {node.attributes["id"] for node in document.walk() if "id" in node.attributes}

    for a in document.all("a"):
        href = a.attributes["href"]
        if href.startswith("#"):
            assert href[1:] in ids
        else:
            assert (troubled.path / href).exists(), href


def test_the_script_can_make_a_link_of_every_value(troubled: Run) -> None:
    """Written out, they would be half of a large report."""
    for cell, details in pages_of(troubled).items():
        for table in details.all("table", class_="values"):
            boots = [f"{cell}-{th.text}" for th in table.all("th", scope="col")[1:]]
            for row in table.one("tbody").all("tr"):
                for boot, td in zip(boots, row.all("td"), strict=True):
                    file = troubled.path / "raw" / boot / row.attributes["data-report"]
                    assert td.text == "none" or file.is_file()


def test_a_unit_that_all_boots_share_is_said_once(troubled: Run) -> None:
    (row, *_) = page(troubled).all("table", class_="values")[0].one("tbody").all("tr")

    assert row.one("th").text == "TCP, guest to node Gbit/s"
    assert all(re.fullmatch(r"\d\.\d\d", td.text) for td in row.all("td"))


def test_a_value_with_a_report_of_its_own_has_its_own_link(troubled: Run) -> None:
    first, *others = troubled.samples
    other = f"raw/{first.boot}/other.json"
    samples = (msgspec.structs.replace(first, raw=other), *others)
    document = page(dataclasses.replace(troubled, samples=samples))

    table = document.one("details", id=f"cell-{first.cell}").one("table", class_="values")
    rows = [row for row in table.all("tr") if row.all("a")]
    assert [row.attributes["data-report"] for row in rows] == [""]
    assert other in {a.attributes["href"] for a in rows[0].all("a")}


def test_ids_are_unique(troubled: Run) -> None:
    ids = [node.attributes["id"] for node in page(troubled).walk() if "id" in node.attributes]

    assert len(ids) == len(set(ids))


def test_evidence_shows_both_phases(smoke: Run) -> None:
    details = page(smoke).one("details", id="cell-tcfilter+devmapper+reference")

    assert "✓ mirred redirect to tap0_kata, packets 12" in details.text
    assert "✓ mirred redirect to tap0_kata, packets 80412" in details.text
    assert "✓ the same" in details.text


def test_the_order_that_was_run_is_told(smoke: Run) -> None:
    (round_one,) = page(smoke).one("ol", class_="rounds").all("ol")[1:]
    names = [item.text.split()[0] for item in round_one.all("li")]

    assert names == [boot.cell_name for boot in smoke.header.plan.order]


def test_the_time_is_split(smoke: Run) -> None:
    time = page(smoke).one("section", id="time")

    assert [li.text.split()[0] for li in time.one("ul").all("li")] == [
        "building",
        "booting",
        "measuring",
        "other",
    ]


def test_what_one_round_cannot_say_is_said(smoke: Run, troubled: Run) -> None:
    assert "Not claimed, with one round" in page(smoke).one("section", id="method").text
    assert "with one round" not in page(troubled).one("section", id="method").text


def test_a_run_that_did_not_end_says_so(tmp_path: Path) -> None:
    run = Run.load(FakeRun(status=RunStatus.INTERRUPTED).write(tmp_path))

    assert "interrupted" in page(run).one("p", class_="notice").text
    assert page(run).one("p", class_="state").text == "✗ The run does not pass"


def test_nothing_is_asked_of_the_network(troubled: Run) -> None:
    source = html.render(troubled)

    assert not re.search(r"(?:https?:)?//[a-z0-9]", source, re.IGNORECASE)
    for node in parse(source).walk():
        assert node.tag not in {"img", "link", "iframe", "object", "embed", "base", "form"}
        assert "src" not in node.attributes
        assert not [name for name in node.attributes if name.startswith("on")]


def test_the_policy_lets_only_this_script_run(smoke: Run) -> None:
    document = page(smoke)
    (script,) = document.all("script")
    (text,) = script.children
    assert isinstance(text, str)
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    policy = document.one("meta", http_equiv="Content-Security-Policy").attributes["content"]
    assert policy == (
        "default-src 'none'; style-src 'unsafe-inline';"
        f" script-src 'sha256-{digest}'; img-src data:"
    )


def test_the_same_run_gives_the_same_bytes(troubled: Run) -> None:
    assert html.render(troubled) == html.render(Run.load(troubled.path))


def test_hostile_text_is_shown_and_does_nothing(tmp_path: Path) -> None:
    trouble = {
        "none+9p+reference": Trouble(Outcome.FAIL, HOSTILE, scenario=CHECKS[0], console=(HOSTILE,))
    }
    run = Run.load(FakeRun(trouble=trouble).write(tmp_path))
    hostile = [
        msgspec.structs.replace(
            sample,
            metric=msgspec.structs.replace(sample.metric, title=HOSTILE, name=HOSTILE),
            scenario=HOSTILE,
            raw="javascript:alert(1)",
        )
        for sample in run.samples
    ]
    assert run.environment is not None
    run = dataclasses.replace(
        run,
        samples=tuple(hostile),
        header=msgspec.structs.replace(
            run.header, topology=HOSTILE, command_line=(HOSTILE,), id=HOSTILE
        ),
        environment=msgspec.structs.replace(
            run.environment, accelerator_reason=HOSTILE, host={HOSTILE: HOSTILE}
        ),
        warnings=(HOSTILE,),
    )
    source = html.render(run)
    document = parse(source)

    assert len(document.all("script")) == 1
    assert document.all("img") == []
    assert document.one("div", class_="banner").all("p")[1].text == DECENT
    assert document.one("p", class_="notice").text == DECENT
    assert not [a for a in document.all("a") if a.attributes["href"].startswith("javascript:")]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", source)


@pytest.mark.parametrize("raw", ["../../etc/passwd", "/etc/passwd", "javascript:alert(1)", None])
def test_a_recorded_path_that_leads_elsewhere_is_no_link(smoke: Run, raw: str | None) -> None:
    samples = tuple(msgspec.structs.replace(sample, raw=raw) for sample in smoke.samples)
    document = page(dataclasses.replace(smoke, samples=samples))

    hrefs = {
        a.attributes["href"]
        for table in document.all("table", class_="values")
        for a in table.all("a")
    }
    assert hrefs <= {"javascript%3Aalert%281%29"}


def test_a_plan_without_cells_is_a_report_too(tmp_path: Path) -> None:
    document = page(Run.load(FakeRun(cells=()).write(tmp_path)))

    assert document.one("h1").text.startswith("Nothing was measured: 0 unsupported; 0 failed")
    assert document.all("table", id="matrix") == []


def test_a_run_that_failed_everywhere_shows_every_cell(tmp_path: Path) -> None:
    trouble = {str(c): Trouble(Outcome.BLOCKED, "no node", console=CONSOLE) for c in DEFAULT_CELLS}
    document = page(Run.load(FakeRun(trouble=trouble).write(tmp_path)))

    assert document.one("h1").text.startswith(
        "Nothing was measured: 0 of 12 reference cells and 0 of 2 runc controls measured;"
        " 0 unsupported; 14 failed"
    )
    assert len(document.one("section", id="failures").all("article")) == 14
    assert len(document.one("table", id="matrix").all("td", class_="missing")) == 14


def test_a_run_of_unsupported_cells_only_shows_no_failure(tmp_path: Path) -> None:
    cells = [Cell.parse(name) for name in DAX]
    document = page(Run.load(FakeRun(cells=cells, trouble=DAX).write(tmp_path)))

    assert document.one("h1").text.startswith("Nothing was measured: 5 unsupported; 0 failed")
    assert "does not pass" in document.one("p", class_="state").text
    assert document.one("section", id="failures").all("article") == []


def test_a_run_of_controls_only_has_its_matrix(tmp_path: Path) -> None:
    document = page(Run.load(FakeRun(cells=CONTROL_CELLS).write(tmp_path)))

    assert len(document.one("table", id="matrix").all("td", class_="control")) == 2


def test_a_run_without_controls_has_no_ratios(tmp_path: Path) -> None:
    cells = [Cell.parse("tcfilter+9p+reference"), Cell.parse("bridge+pmem-dax+reference")]
    document = page(Run.load(FakeRun(cells=cells).write(tmp_path)))

    assert document.all("span", class_="c") == []
    matrix = document.one("table", id="matrix")
    assert [td.text for td in matrix.all("td", class_="none") if td.text] == ["not in this run"] * 2


def test_a_run_that_crashed_at_once_is_a_report_too(tmp_path: Path) -> None:
    path = FakeRun().write(tmp_path)
    for name in ("samples.jsonl", "outcomes.jsonl", "environment.json", "timeline.json"):
        (path / name).unlink()
    header = json.loads((path / "run.json").read_text()) | {"status": "running"}
    (path / "run.json").write_text(json.dumps(header))
    document = page(Run.load(path))

    assert document.one("h1").text.endswith("0 failed; 14 not run.")
    assert "the run ended before this cell" in document.one("section", id="absent").text
    assert "crashed" in document.one("p", class_="notice").text


def test_a_smoke_run_stays_small(smoke: Run) -> None:
    assert len(html.render(smoke).encode()) < 200_000


def test_the_whole_matrix_in_ten_rounds_stays_below_a_megabyte(tmp_path: Path) -> None:
    """32 cells, 10 boots, 13 metrics: 4160 values."""
    fake = FakeRun(cells=cells_of(CONTROLS), rounds=10, trouble=DAX)

    assert len(html.render(Run.load(fake.write(tmp_path))).encode()) < 1_000_000


def test_text_has_the_contrast_that_wcag_aa_asks_for() -> None:
    style = html._asset("report.css")
    pairs = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", style)
    colours = {name: (light, dark) for name, light, dark in pairs}
    shades = [name for name in colours if name.startswith(("worse", "better", "even"))]
    reads = [("ink", ground) for ground in ("paper", "card", "faint", "warn", *shades)]
    reads += [(ink, g) for ink in ("soft", "link", "bad", "good") for g in ("paper", "faint")]
    reads += [("soft", "warn"), ("link", "warn"), ("soft", "card")]

    assert len(shades) == 9
    for ink, ground in reads:
        for theme in (0, 1):
            ratio = _contrast(colours[ink][theme], colours[ground][theme])
            assert ratio >= 4.5, f"{ink} on {ground}, theme {theme}: {ratio:.2f}"


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_tests_of_the_run_have_pages_and_panels_but_no_place_in_the_matrix(tested: Run) -> None:
    document = page(tested)
    name = "tcfilter+virtiofs+reference"

    assert document.one("h1").text == (
        "1 of 1 reference cell and 1 of 1 runc control measured; 0 unsupported; 1 failed."
    )
    matrix = document.one("table", id="matrix")
    shown = {td.attributes["data-shows"] for td in matrix.all("td") if td.all("a", class_="more")}
    assert shown == {"veth+overlayfs+runc", name}
    for cell in (name, f"{name}+twin", f"{name}+handicap"):
        document.one("details", id=f"cell-{cell}")
    titles = {header.text for header in document.all("th", scope="row")}
    assert {"virtiofs · tcfilter", "virtiofs · tcfilter · twin"} < titles


def test_a_handicap_is_repeated_by_its_own_name_and_a_twin_by_its_cells(tested: Run) -> None:
    name = "tcfilter+virtiofs+reference"

    assert f"--cells {name}+handicap " in verdict.repeat_command(tested.header, f"{name}+handicap")
    assert f"--cells {name} " in verdict.repeat_command(tested.header, f"{name}+twin")


def adaptive_run(root: Path, *looks: LookRecord, budget_s: float | None = None) -> Run:
    """Two cells, at least two and at most six rounds."""
    design = Design(min_rounds=2, max_rounds=6, precision=0.03, budget_s=budget_s)
    cells = (CONTROL_CELLS[0], Cell.parse("tcfilter+virtiofs+reference"))
    fake = FakeRun(cells=cells, rounds=6, profile="publish", design=design, looks=looks)
    return Run.load(fake.write(root))


@pytest.mark.parametrize(
    ("look", "budget_s", "told"),
    [
        (
            LookRecord(round=4, widest="a / b: m", half_width=0.02, elapsed_s=60.0,
                       stop=Stop.PRECISE),
            None,
            "Ended after 4 rounds of at most 6: each primary comparison is known to 3 %.",
        ),
        (
            LookRecord(round=4, widest="a / b: m", half_width=0.0712, elapsed_s=60.0,
                       stop=Stop.BUDGET),
            5400.0,
            ("Ended after 4 rounds of at most 6, by the budget of 90 min 00 s:"
            " a / b: m is known to 7.1 %, and 3 % was wanted."),
        ),
        (
            LookRecord(round=1, elapsed_s=60.0, stop=Stop.BUDGET),
            60.0,
            "Ended after 1 round of at most 6, by the budget of 1 min 00 s.",
        ),
        (
            LookRecord(round=6, widest="a / b: m", elapsed_s=60.0, stop=Stop.ROUNDS),
            None,
            "Ended after 6 rounds, with the last one: a / b: m is not known, and 3 % was wanted.",
        ),
    ],
)  # fmt: skip
def test_a_run_says_why_it_had_no_more_rounds(
    tmp_path: Path, look: LookRecord, budget_s: float | None, told: str
) -> None:
    run = adaptive_run(tmp_path, look, budget_s=budget_s)

    document = page(run)

    assert [notice.text for notice in document.all("p", class_="notice")] == [told]
    assert "not reached" not in document.text


def test_rounds_that_were_not_needed_are_nobodys_failure(tmp_path: Path) -> None:
    look = LookRecord(round=4, widest="a / b: m", half_width=0.02, elapsed_s=60.0,
                      stop=Stop.PRECISE)  # fmt: skip
    run = adaptive_run(tmp_path, look)

    document = page(run)

    assert exit_status(run) == 0
    assert "4 rounds of at most 6" in document.one("dl", class_="facts").text
    assert "of 6 boots" not in document.text
    assert "NOT-RUN" not in document.text


def test_repeats_have_a_place_of_their_own_and_what_stays_contaminated_is_said(
    tmp_path: Path,
) -> None:
    run = Run.load(repeated().write(tmp_path))

    built = view.build(run)

    assert run.degradation in built.notices
    mine = next(each for each in built.pages if str(each.cell) == "tcfilter+9p+reference")
    assert [boot.label for boot in mine.boots] == ["r1", "r1-a2", "r2"]
    panel = next(each for each in built.panels if each.metric.name == "tcp_out_goodput")
    row = panel.row(Cell.parse("tcfilter+9p+reference"))
    assert row is not None
    assert row.strip is not None
    assert len(row.strip.dots) == 2, "a value for each round"


def test_what_the_run_left_behind_is_what_went_wrong(tmp_path: Path) -> None:
    path = FakeRun().write(tmp_path)
    leaks = Leaks(leaks=("domain lab-1-node-1", "folder /tmp/kata-lab-1"), notes=("new: bridge x",))
    (path / "leaks.json").write_bytes(msgspec.json.encode(leaks))
    run = Run.load(path)

    document = page(run)

    (problem,) = document.all("article", class_="problem")
    assert problem.one("h3").text == "✗ INFRA this machine"
    assert "left behind: domain lab-1-node-1; folder /tmp/kata-lab-1" in problem.text
    assert "To remove it: lab gc" in problem.text
    assert exit_status(run) == 3
    assert "remove it: `lab gc`" in markdown.render(view.build(run))


def test_what_others_changed_meanwhile_is_no_problem(tmp_path: Path) -> None:
    path = FakeRun().write(tmp_path)
    (path / "leaks.json").write_bytes(msgspec.json.encode(Leaks(notes=("new: bridge virbr0",))))

    assert exit_status(Run.load(path)) == 0
    assert not page(Run.load(path)).all("article", class_="problem")


def test_it_is_called_as_everything_else_of_the_lab_is(smoke: Run) -> None:
    assert page(smoke).one("div", class_="top").one("strong").text == "Kata lab"
