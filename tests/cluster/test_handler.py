from __future__ import annotations

import re

import pytest

from lab.cluster.handler import Handler, handlers
from lab.matrix import Cell, Network, Runtime, Storage, cells_of
from lab.storage.backend import Snapshotter
from tests.cluster.specimens import RELEASES, every_handler, handler

DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def test_a_handler_is_named_by_its_cell() -> None:
    assert handler("tcfilter+virtiofs+kata-go").name == "tcfilter-virtiofs-kata-go"


def test_every_name_is_a_dns_label_and_no_cell_shares_one() -> None:
    names = [each.name for each in every_handler()]

    assert all(map(DNS_LABEL.fullmatch, names))
    assert len(set(names)) == len(names) == 5 * 6 * 2 + 2


@pytest.mark.parametrize(
    ("cell", "snapshotter"),
    [
        ("veth+overlayfs+runc", Snapshotter.OVERLAYFS),
        ("veth+devmapper+runc", Snapshotter.DEVMAPPER),
        ("none+virtiofs+kata-go", Snapshotter.OVERLAYFS),
        ("none+9p+kata-rs", Snapshotter.OVERLAYFS),
        ("none+devmapper-blk+kata-rs", Snapshotter.DEVMAPPER),
        ("none+pmem-dax+kata-go", Snapshotter.DEVMAPPER),
    ],
)
def test_a_storage_has_its_snapshotter(cell: str, snapshotter: Snapshotter) -> None:
    assert handler(cell).snapshotter is snapshotter


def test_each_handler_of_kata_has_a_configuration_of_its_own() -> None:
    files = [each.configuration for each in every_handler()]

    assert len(set(files)) == len(files)


def test_the_bare_data_path_has_no_handler() -> None:
    with pytest.raises(ValueError, match=r"none\+9p\+reference is not started by runc"):
        handlers(
            cells_of([Runtime.REFERENCE], networks=[Network.NONE], storages=[Storage.NINEP]), {}
        )


@pytest.mark.parametrize(
    ("cell", "runtime"),
    [
        ("none+9p+kata-go", None),
        ("none+9p+kata-go", Runtime.KATA_RS),
        ("veth+overlayfs+runc", Runtime.KATA_GO),
    ],
)
def test_a_cell_is_started_by_its_own_runtime(cell: str, runtime: Runtime | None) -> None:
    release = RELEASES[runtime] if runtime else None

    with pytest.raises(ValueError, match="is not started by"):
        Handler(cell=Cell.parse(cell), release=release)
