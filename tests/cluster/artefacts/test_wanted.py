"""What is wanted: data that a user may edit, and errors for what cannot be meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.cluster.artefacts import wanted
from lab.cluster.artefacts.artefact import Kind
from lab.errors import ArtefactError

if TYPE_CHECKING:
    from pathlib import Path


def test_the_labs_own_list_is_whole() -> None:
    want = wanted.load()

    names = {line.name for line in want.lines}
    programs = {"kubeadm", "kubelet", "kubectl", "crictl", "critest", "e2e.test"}
    assert programs | {"containerd", "calico", "kata-go", "kata-rs"} == names


def test_addresses_are_filled() -> None:
    want = wanted.load()
    sources = {line.name: want.source(line) for line in want.lines}

    crictl = sources["crictl"]
    assert crictl.member == "crictl"
    assert crictl.sum == f"{crictl.address}.sha256"
    assert crictl.address.startswith("https://github.com/kubernetes-sigs/cri-tools/releases/")
    assert sources["kata-go"].address.endswith("/3.28.0/kata-static-3.28.0-amd64.tar.zst")
    assert sources["kata-go"].sum is None
    assert sources["calico"].kind is Kind.MANIFEST


def test_another_version_of_kata_is_one_line(tmp_path: Path) -> None:
    text = wanted.WANTED_FILE.read_text()
    line = '  { name = "kata-go", version = "4.1.0", from = "kata-go" },\n'
    path = tmp_path / "artefacts.toml"
    path.write_text(text.replace("wanted = [\n", f"wanted = [\n{line}"))

    want = wanted.load(path)

    assert [line.version for line in want.lines if line.name == "kata-go"] == ["4.1.0", "3.28.0"]
    assert want.source(want.lines[0]).address.endswith("/kata-go-static-4.1.0-amd64.tar.zst")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('from = "calico"', 'from = "calicoo"', "calico is from 'calicoo', which is no source"),
        ("{name}.sha256", "{nam}.sha256", "may hold {name} and {version} only"),
        ("{name}.sha256", "{name.sha256", "may hold {name} and {version} only"),
        ("{name}.sha256", "{}.sha256", "may hold {name} and {version} only"),
        ('address = "https://dl', 'address = "http://dl', "address"),
        ('sum = "https://dl', 'sum = "ftp://dl', "sum"),
        ('kind = "kata"', 'kind = "kat"', "kat"),
        ("version =", "versio =", "versio"),
        ('version = "3.28.0"', 'version = "../3.28.0"', "version"),
        ("wanted = [", "wanted = ", "artefacts.toml"),
    ],
)
def test_damage_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "artefacts.toml"
    path.write_text(wanted.WANTED_FILE.read_text().replace(old, new))

    with pytest.raises(ArtefactError) as caught:
        wanted.load(path)

    assert said in caught.value.problem
    assert "docs/artefacts.md" in caught.value.remedy


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="there is no"):
        wanted.load(tmp_path / "artefacts.toml")
