"""Who may trust what: a run holds no secrets, and what SECURITY.md claims is held by a test."""

from __future__ import annotations

import ast
import re
import tokenize
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab import report
from lab.matrix import DEFAULT_CELLS
from lab.outcome import Evidence, Fact, Outcome
from lab.redact import GONE, secrets_in
from lab.run import Run
from lab.store import Store
from tests.fake_run import FakeRun, Trouble
from tests.test_redact import JWT, KEY, TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
CLAIMS = ROOT / "SECURITY.md"
CELLS = DEFAULT_CELLS[:3]
PLANTED = f"""\
kubeadm join 198.18.1.1:6443 --token {TOKEN} \\
\t--discovery-token-ca-cert-hash sha256:{"0f" * 32} --certificate-key {"a1" * 32}
{KEY}client-key-data: {"QUJD" * 20}
Authorization: Bearer {JWT}
deb http://me:hunter2@mirror.invalid trixie main
"""
SECRET_WORDS = ("0123456789abcdef", "b3BlbnNz", "a1a1a1", "QUJDQUJD", JWT, "hunter2")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A whole run whose guests, nodes and tools have printed all that they should not have."""
    trouble = Trouble(Outcome.FAIL, PLANTED, console=tuple(PLANTED.splitlines()))
    path = FakeRun(cells=CELLS, trouble={str(CELLS[0]): trouble}).write(tmp_path / "results")
    store = Store(path, Run.load(path).header)
    boot = store.header.plan.order[-1].id
    fact = Fact(subject="s", source="q", expected="e", observed=PLANTED, holds=True)
    store.add_evidence(boot, Evidence(phase="after", facts=(fact,), raw={"q": PLANTED}))
    store.add_raw(boot, "tool.json", PLANTED)
    store.add_console(boot, PLANTED)
    store.add_conformance("runc", "critest.log", PLANTED)
    store.add_diagnosis(boot, "node-1-journal.txt", PLANTED)
    report.write(path)
    return path


def test_a_run_holds_no_secrets(run: Path) -> None:
    """Whatever way it has come in: by outcomes, evidence, reports, consoles."""
    texts = {file: file.read_text() for file in run.rglob("*") if file.is_file()}

    assert sum(GONE in text for text in texts.values()) >= 8
    for file, text in texts.items():
        assert secrets_in(text) == [], file
        assert [word for word in SECRET_WORDS if word in text] == [], file


def test_a_run_without_secrets_still_reads_back(run: Path) -> None:
    assert Run.load(run).samples


# What no module does.


def calls(path: Path) -> Iterator[str]:
    """The dotted names that *path* calls, with ``shell=True`` for who asks for one."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)
            yield from (ast.unparse(word) for word in node.keywords if word.arg == "shell")


MODULES = sorted((ROOT / "lab").rglob("*.py"))
NEVER = re.compile(r"os\.(system|popen)|eval|exec|pickle\.\w+|marshal\.\w+|yaml\.load|.*extractall")


def test_nothing_of_a_file_is_run_and_no_archive_unpacks_itself() -> None:
    found = {f"{path.name}: {name}" for path in MODULES for name in calls(path)
             if NEVER.fullmatch(name) or name == "True"}  # fmt: skip

    assert found == set()


def test_what_is_read_from_files_is_matched_to_its_end() -> None:
    """``$`` lets a line feed through at the end of a name, which a shell takes for another line."""
    found = [
        f"{path.name}:{token.start[0]}"
        for path in MODULES
        for token in tokenize.tokenize(BytesIO(path.read_bytes()).readline)
        if token.string == "pattern" and "Meta(" in token.line and '$"' in token.line
    ]

    assert found == []


# SECURITY.md.

_REFERENCE = re.compile(r"`(?P<file>tests/[\w/]+\.py)::(?P<name>test_\w+)`")


def claims() -> list[str]:
    """The paragraphs of SECURITY.md that say what is defended: each is an item of a list."""
    text = CLAIMS.read_text()
    _, _, rest = text.partition("\n## What is defended, and how\n")
    section = rest.partition("\n## ")[0]
    return [item for item in re.split(r"^- ", section, flags=re.MULTILINE)[1:] if item.strip()]


def test_every_test_that_a_claim_points_at_exists() -> None:
    references = list(_REFERENCE.finditer(CLAIMS.read_text()))
    names = {
        file: {node.name for node in ast.walk(ast.parse((ROOT / file).read_text()))
               if isinstance(node, ast.FunctionDef)}
        for file in {reference["file"] for reference in references}
    }  # fmt: skip

    assert references
    assert [r[0] for r in references if r["name"] not in names[r["file"]]] == []


@pytest.mark.parametrize("claim", claims(), ids=lambda claim: claim[:40])
def test_every_claim_points_at_a_test(claim: str) -> None:
    assert _REFERENCE.search(claim)
