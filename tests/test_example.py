"""The worked example of docs/extend.md, installed beside the lab: all that it adds is there."""

from __future__ import annotations

import ast
import importlib
import json
import re
from typing import TYPE_CHECKING

import pytest

from lab.network import MODELS
from lab.network.model import REDIRECTS, filters
from lab.runtime.kinds import KINDS
from lab.storage import BACKENDS, virtiofs
from lab.topology import NodeSpec, Topology
from tests.evidence import broken, captured, replaced
from tests.installed import EXAMPLE, ROOT, declare, install, python
from tests.report.page import parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

CELL = "tcfilter-matchall+virtiofs-uncached+reference"
ALIKE = [("tcfilter-matchall", "tcfilter"), ("virtiofs-uncached", "virtiofs")]
"""What a fake run of the example's answers like."""
PINNED = "tcfilter+virtiofs+pinned"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("site")
    install(EXAMPLE, site)
    return site


def lab(site: Path, place: Path, *arguments: str) -> str:
    done = python(site, "-m", "lab.cli", *arguments, cwd=place)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.program
def test_its_cells_are_planned_with_what_they_are_read_against(site: Path, tmp_path: Path) -> None:
    plan = json.loads(
        lab(site, tmp_path, "plan", "--json", "--accel", "tcg", "--profile", "standard",
            "--cells", f"{CELL},{PINNED}")
    )  # fmt: skip

    cells = {each["cell"] for each in plan["plan"]["order"]}
    assert cells >= {CELL, PINNED, "tcfilter+virtiofs+reference", "veth+overlayfs+runc"}


@pytest.mark.program
def test_its_cells_are_explained_by_its_own_words(site: Path, tmp_path: Path) -> None:
    shown = lab(site, tmp_path, "explain", CELL)

    for module in ("network", "storage"):
        docstring = ast.get_docstring(
            ast.parse((EXAMPLE / "own_backend" / f"{module}.py").read_text(encoding="utf-8"))
        )
        assert docstring
        assert " ".join(docstring.split()[3:8]) in " ".join(shown.split())
    assert "last seen: in no run here" in shown
    assert "runtime   pinned" in lab(site, tmp_path, "explain", PINNED)


@pytest.mark.program
def test_its_cells_are_completed_and_matched_and_in_no_default_matrix(
    site: Path, tmp_path: Path
) -> None:
    script = """
import json
from lab.matrix import ALL_CELLS, Cell, default_cells_of, every_cell, in_order, select, Runtime
from lab.expectations import load
own = [cell for cell in every_cell() if cell not in ALL_CELLS]
load_all = [str(load().of(cell).expect) for cell in own]
print(json.dumps({
    "own": [str(cell) for cell in own],
    "expected": load_all,
    "default": [str(cell) for cell in select(None)],
    "matched": [str(cell) for cell in select("*+virtiofs-uncached+*")],
    "is same": Cell.parse(str(own[0])).network is own[0].network,
}))
"""
    told = json.loads(python(site, "-c", script, cwd=tmp_path).stdout)

    # A network more with six storages, a storage more with five networks, both; thirty of pinned.
    assert len(told["own"]) == len(set(told["own"])) == 6 + 5 + 1 + 30
    assert set(told["own"]) <= set(lab(site, tmp_path, "completion", "--names", "cells").split())
    assert set(told["expected"]) == {"works", "fails"}
    assert not set(told["default"]) & set(told["own"])
    assert len(told["matched"]) == 6
    assert told["is same"]


COLLECT = f"""
import json, sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
import pytest
from lab import campaign, options, plan, session
from lab.matrix import Cell
from lab.profile import SMOKE
from lab.pytest_plugin import Handover
from lab.records import RunHeader
from lab.stopwatch import Stopwatch
from lab.store import Store

decided = SimpleNamespace(
    plan=plan.make([Cell.parse("{CELL}")], profile="smoke", rounds=1, seed=1),
    topology=SimpleNamespace(is_cluster=False),
    profile=SMOKE,
)
header = RunHeader(
    created=datetime.now(UTC), command_line=("lab",), topology="embedded", plan=decided.plan
)
store = Store.create(Path("results"), header)
handed = session.Session(decided=decided, store=store, stopwatch=Stopwatch(), screen=None)

class Keeper:
    def pytest_collection_finish(self, session):
        from lab.session import scenario_of
        print(json.dumps([scenario_of(item) for item in session.items]))

arguments = [*campaign._arguments(), "--collect-only"]
sys.exit(pytest.main(arguments, plugins=[Handover(handed), Keeper()]))
"""


@pytest.mark.program
def test_its_scenario_is_collected_beside_those_of_the_lab(site: Path, tmp_path: Path) -> None:
    done = python(site, "-c", COLLECT, cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    names = json.loads(done.stdout.splitlines()[0])
    assert "own/test_metadata.py::test_many_files_are_created" in names
    assert "network/test_connectivity.py" in {name.partition("::")[0] for name in names}
    assert not [name for name in names if ".." in name or name.startswith("/")]


@pytest.mark.program
def test_plain_pytest_is_told_where_it_is(site: Path, tmp_path: Path) -> None:
    done = python(
        *(site, "-m", "pytest", str(ROOT / "scenarios"), "--pyargs", "own_backend.scenarios"),
        *("--topology", "embedded", "--cells", CELL, "--profile", "smoke", "--accel", "tcg"),
        *("--collect-only", "-q", "-p", "no:cacheprovider", f"--rootdir={ROOT}"),
        cwd=tmp_path,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout.splitlines()
    assert f"test_metadata.py::test_many_files_are_created[{CELL}]" in [
        line.rpartition("/")[2] for line in told
    ]


@pytest.mark.program
def test_a_run_of_what_is_not_installed_says_what_to_install(site: Path, tmp_path: Path) -> None:
    python(site, "-c", REPORT, cwd=tmp_path)
    elsewhere = python(tmp_path / "nothing", "-m", "lab.cli", "report", cwd=tmp_path)

    assert elsewhere.returncode == 1
    assert f"unknown cell '{CELL}': neither the lab has it, nor an extension" in elsewhere.stderr


REPORT = f"""
import sys
from pathlib import Path
from lab import report
from lab.matrix import Cell
from tests import fake_answers, fake_run
from tests.fake_run import FakeRun
of_network = fake_answers.BY_NETWORK, fake_run.NETWORK_FACTOR
of_storage = fake_answers.BY_STORAGE, fake_run.STORAGE_FACTOR
for names in (*of_network, *of_storage):
    names.update((own, names[near]) for own, near in {ALIKE} if near in names)
cells = tuple(map(Cell.parse, {[CELL, PINNED, "veth+overlayfs+runc"]}))
path = FakeRun(cells=cells).write(Path("results"))
report.write(path)
print(path)
"""


@pytest.mark.program
def test_its_view_and_its_meaning_are_in_the_report(site: Path, tmp_path: Path) -> None:
    done = python(site, "-c", REPORT, cwd=tmp_path)
    assert done.returncode == 0, done.stderr

    page = parse((tmp_path / done.stdout.strip() / "report.html").read_text())
    view = page.one("section", id="view-slowest-start")
    assert view.one("h2").text == "The slowest start of each cell"
    rows = {row.one("th").text: [cell.text for cell in row.all("td")] for row in view.all("tr")[1:]}
    assert set(rows) == {CELL, PINNED, "veth+overlayfs+runc"}
    assert rows[CELL][1].endswith(" s")
    shown = {each.text for each in page.one("table", id="matrix").all("span", class_="small")}
    assert {"shared directory, never cached", "veth and tap, joined by tc matchall"} <= shown


@pytest.mark.program
def test_a_view_that_fails_costs_no_report(tmp_path: Path) -> None:
    site = tmp_path / "site"
    declare(site, "broken", "2.0", {"kata_lab.views": {"bad": "bad:bad", "none": "none:none"}})
    (site / "bad.py").write_text("def bad(run):\n    raise RuntimeError('<of its own>')\n")
    script = REPORT.replace(CELL, "none+9p+reference").replace(PINNED, "none+virtiofs+reference")
    done = python(site, "-c", script, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    page = (tmp_path / done.stdout.strip() / "report.html").read_text()
    assert "The view bad is missing: it failed: RuntimeError: &lt;of its own&gt;" in page
    assert "The view none is missing: the view &#39;none&#39; of broken 2.0" in page


@pytest.mark.program
def test_what_is_broken_is_said_with_whose_it_is_and_what_mends_it(tmp_path: Path) -> None:
    site = tmp_path / "site"
    declare(site, "greedy", "0.1", {"kata_lab.networks": {"tcfilter": "greedy"}})
    done = python(site, "-m", "lab.cli", "completion", "--names", "cells", cwd=tmp_path)

    assert done.returncode == 1
    problem, remedy = done.stderr.splitlines()
    assert problem == (
        "lab: the network 'tcfilter' of greedy 0.1, at greedy, has the name of a network of the"
        " lab's own: choose another"
    )
    assert remedy == (
        "  remedy: mend it (docs/extend.md says what it must offer), or uninstall greedy"
    )


@pytest.mark.program
def test_help_asks_for_no_extension(site: Path, tmp_path: Path) -> None:
    script = "import sys; from lab import cli; import lab.verbs; lab.verbs.parser();"
    script += "print('importlib.metadata' in sys.modules, 'own_backend' in sys.modules)"
    done = python(site, "-c", script, cwd=tmp_path)

    assert done.stdout.split() == ["False", "False"], done.stderr


KEPT = captured("tcfilter+virtiofs+reference")


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The example's package, from where it lies."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    for name in ("network", "storage", "runtime"):
        importlib.import_module(f"own_backend.{name}")
    return importlib.import_module("own_backend")


def test_its_network_is_wired_and_proven_by_its_own_classifier(own: ModuleType) -> None:
    lines = own.network.wire(KEPT.pod)
    matched = KEPT.answers
    for device, _ in REDIRECTS:
        matched = replaced(filters(device), "u32", "matchall")(matched)

    assert len([line for line in lines if "matchall action mirred" in line]) == 2
    assert not [line for line in lines if "u32" in line]
    assert broken(own.network.facts(KEPT.pod, matched)) == set()
    assert broken(own.network.facts(KEPT.pod, KEPT.answers)) == {
        f"redirect of {source} to {target}" for source, target in REDIRECTS
    }


def test_its_storage_is_started_and_proven_without_a_cache(own: ModuleType) -> None:
    topology = Topology(name="t", nodes=(NodeSpec(name="n", cpus=1, memory_mib=2048, pool_gib=1),))
    (daemon,) = (
        line for line in own.storage.attach(KEPT.volume, topology) if "--shared-dir" in line
    )
    uncached = replaced(virtiofs.DAEMON, "--cache=auto", "--cache=never")(KEPT.answers)

    assert "--cache=never" in daemon
    assert "--cache=auto" not in daemon
    assert broken(own.storage.facts(KEPT.volume, uncached)) == set()
    assert broken(own.storage.facts(KEPT.volume, KEPT.answers)) == {"cache of virtiofsd"}


def test_all_of_it_is_what_its_group_must_be(own: ModuleType) -> None:
    assert MODELS.interface.problem_of(own.network) == ""
    assert BACKENDS.interface.problem_of(own.storage) == ""
    assert KINDS.interface.problem_of(own.runtime.PinnedSandbox) == ""


PAGE = ROOT / "docs/extend.md"
QUOTED = re.compile(r"```\w+\n(.*?)```", re.DOTALL)


def test_the_page_quotes_what_is_there() -> None:
    """Each block is in the file that was named last."""
    parts = re.split(r"^    (docs/examples/\S+)$", PAGE.read_text(), flags=re.MULTILINE)
    quoted = dict(zip(parts[1::2], map(QUOTED.findall, parts[2::2]), strict=True))

    assert QUOTED.findall(parts[0]) == []
    assert len(quoted) == 6
    for name, blocks in quoted.items():
        assert blocks, name
        text = (ROOT / name).read_text()
        assert [block for block in blocks if block not in text] == []


@pytest.mark.program
@pytest.mark.parametrize("cell", [CELL, PINNED])
def test_its_cells_are_explained(site: Path, tmp_path: Path, cell: str) -> None:
    told = lab(site, tmp_path, "explain", cell)

    assert told.startswith(cell)
    assert "own_backend/" in told.partition("expected of")[2].partition("last seen")[0]
