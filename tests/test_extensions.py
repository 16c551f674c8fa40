"""The one door: what comes in, in which order, and what is turned away by name."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

import pytest

from lab import extensions, source
from lab.axis import own
from lab.errors import ExtensionError
from lab.expectations import load
from lab.extensions import Extension, Group, Interface, Registry, found
from lab.matrix import Cell, Network, Runtime, Storage, control_of, every_cell, select
from lab.network import MODELS
from lab.storage import BACKENDS
from lab.topology import Cluster, NodeSpec, Topology

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Thing(Protocol):
    SIZE: int

    def grow(self, by: int, *, fast: bool) -> int:
        """Get larger."""


INTERFACE = Interface(protocol=Thing, values={"SIZE": int})


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Extension]]:
    """Declares an extension whose module is what is given; forgets it at the end."""
    every: dict[Group, tuple[Extension, ...]] = dict.fromkeys(Group, ())
    monkeypatch.setattr(extensions, "_declared", lambda: every)
    forget()

    def add(
        group: Group, name: str, *, distribution: str = "other 1.0", **offers: object
    ) -> Extension:
        module = ModuleType(f"extension_{name}".replace("-", "_"))
        vars(module).update(offers)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        made = Extension(group=group, name=name, place=module.__name__, distribution=distribution)
        every[group] = (*every[group], made)
        forget()
        return made

    yield add
    monkeypatch.undo()
    forget()


def forget() -> None:
    """What was made of the extensions that were declared."""
    from lab import matrix  # noqa: PLC0415 - its cache alone

    matrix._by_name.cache_clear()
    for axis in (Network, Storage, Runtime):
        known = axis._value2member_map_
        for name in [name for name in known if name not in map(str, axis.__members__.values())]:
            del known[name]


def grow(by: int, *, fast: bool) -> int:
    return by if fast else 0


def test_built_in_ones_come_first_and_are_what_they_were(
    declare: Callable[..., Extension],
) -> None:
    declare(Group.VIEWS, "a-view", SIZE=1, grow=grow)
    registry: Registry[object] = Registry(Group.VIEWS, {"z": 1}, INTERFACE)

    assert list(registry) == ["z", "a-view"]
    assert len(registry) == 2
    assert registry["z"] == 1
    assert registry["a-view"] is sys.modules["extension_a_view"]
    with pytest.raises(KeyError):
        registry["nothing"]


@pytest.mark.parametrize(
    ("offers", "problem"),
    [
        ({"grow": grow}, "has no SIZE of the type int"),
        ({"SIZE": "1", "grow": grow}, "has no SIZE of the type int"),
        ({"SIZE": 1}, "has no function grow"),
        ({"SIZE": 1, "grow": 1}, "has no function grow"),
        ({"SIZE": 1, "grow": lambda: 1}, "grow that cannot be called as it will be: "),
        ({"SIZE": 1, "grow": lambda by: by}, "grow that cannot be called as it will be: "),
    ],
)
def test_what_is_not_what_it_must_be_is_turned_away(
    declare: Callable[..., Extension], offers: dict[str, object], problem: str
) -> None:
    declare(Group.VIEWS, "own", **offers)
    registry: Registry[object] = Registry(Group.VIEWS, {}, INTERFACE)

    with pytest.raises(ExtensionError) as caught:
        registry["own"]

    assert caught.value.problem.startswith("the view 'own' of other 1.0, at extension_own, has ")
    assert problem in caught.value.problem
    assert "docs/extend.md" in caught.value.remedy
    assert caught.value.remedy.endswith("uninstall other")


@pytest.mark.parametrize("name", ["Own", "a+b", "a*", "a_b", "-a", "", "a" * 40])
def test_a_name_can_be_a_part_of_a_cells(declare: Callable[..., Extension], name: str) -> None:
    declare(Group.STORAGES, name)

    with pytest.raises(ExtensionError, match="has a name that cannot be one"):
        list(Storage)


@pytest.mark.parametrize(
    ("axis", "group", "name"),
    [(Network, Group.NETWORKS, "veth"), (Storage, Group.STORAGES, "9p"),
     (Runtime, Group.RUNTIMES, "kata-go")],
)  # fmt: skip
def test_no_name_of_the_labs_is_taken(
    declare: Callable[..., Extension], axis: type[Network], group: Group, name: str
) -> None:
    declare(group, name)

    with pytest.raises(ExtensionError, match=f"has the name of a {group.noun} of the lab's own"):
        own(axis)


def test_two_distributions_do_not_share_a_name(declare: Callable[..., Extension]) -> None:
    declare(Group.VIEWS, "own", distribution="one 1.0")
    declare(Group.VIEWS, "own", distribution="two 2.0")

    with pytest.raises(ExtensionError, match=r"of two 2\.0, .*has the name of another, of one 1"):
        found(Group.VIEWS)


def test_what_cannot_be_imported_says_why() -> None:
    missing = Extension(
        group=Group.RUNTIMES, name="own", place="no_such_module:Kind", distribution="other 1.0"
    )

    for act in (missing.load, missing.folder):
        with pytest.raises(ExtensionError, match=r"runtime 'own' of other 1\.0, .*no_such_module"):
            act()


def test_an_axis_goes_on_with_them_and_each_is_one_object(
    declare: Callable[..., Extension],
) -> None:
    assert list(Storage) == list(Storage.__members__.values())
    with pytest.raises(ValueError, match="'own' is not a valid Storage"):
        Storage("own")
    declare(Group.STORAGES, "own", SNAPSHOTTER="devmapper")

    assert list(Storage)[-1] == "own"
    assert len(Storage) == len(Storage.__members__) + 1
    assert Storage("own") is Storage("own")
    assert isinstance(Storage("own"), Storage)
    assert str(Storage("own")) == f"{Storage('own')}" == Storage("own").value == "own"


def test_a_storage_goes_with_every_network_of_the_reference_alone(
    declare: Callable[..., Extension],
) -> None:
    before = every_cell()
    declare(Group.STORAGES, "own", SNAPSHOTTER="devmapper")
    added = [cell for cell in every_cell() if cell not in before]

    assert {cell.runtime for cell in added} == {Runtime.REFERENCE}
    assert len(added) == 5
    assert str(control_of(added[0])) == "veth+devmapper+runc"
    assert select("tcfilter+own+*") == (Cell.parse("tcfilter+own+reference"),)


def test_a_storage_without_a_snapshotter_has_no_control(
    declare: Callable[..., Extension],
) -> None:
    declare(Group.STORAGES, "own")

    with pytest.raises(ExtensionError, match="has a SNAPSHOTTER that no control has: None"):
        control_of(Cell.parse("tcfilter+own+reference"))


def test_a_runtime_is_one_of_a_bench_without_kubernetes(
    declare: Callable[..., Extension],
) -> None:
    declare(Group.RUNTIMES, "own")
    node = NodeSpec(name="n", cpus=2, memory_mib=4096, pool_gib=1)

    assert "own" in Topology(name="t", nodes=(node,)).runtimes
    assert "own" not in Topology(name="t", nodes=(node,), cluster=Cluster.KUBERNETES).runtimes


LINE = """[[expectation]]
runtime = "reference"
network = ["own"]
expect = "works"
source = "here"
"""


def test_what_is_expected_of_it_comes_with_it(declare: Callable[..., Extension]) -> None:
    declare(Group.NETWORKS, "own", EXPECTATIONS=LINE)

    assert str(load().of(Cell.parse("own+9p+reference"))) == "works"


@pytest.mark.parametrize(
    ("offers", "problem"),
    [
        ({}, "has no EXPECTATIONS of the type str"),
        ({"EXPECTATIONS": "[[expectation]]"}, "has EXPECTATIONS that are none: .*required field"),
        ({"EXPECTATIONS": LINE.replace('"own"', '"macvtap"')}, "not about it, but macvtap"),
        ({"EXPECTATIONS": LINE.replace("network", "storage").replace('"own"', '"9p"')},
         "that are not about it, but "),
    ],
)  # fmt: skip
def test_expectations_are_about_the_extension_itself(
    declare: Callable[..., Extension], offers: dict[str, object], problem: str
) -> None:
    declare(Group.NETWORKS, "own", **offers)

    with pytest.raises(ExtensionError, match=problem):
        load()


def test_the_labs_own_are_what_is_asked_of_extensions_too() -> None:
    """But for what tables in the lab tell of them."""
    for registry in (MODELS, BACKENDS):
        values = {
            name: kind
            for name, kind in registry.interface.values.items()
            if name not in {"MEANING", "EXPECTATIONS"}
        }
        plain = Interface(protocol=registry.interface.protocol, values=values)
        assert {plain.problem_of(one) for one in registry.values()} == {""}


def test_code_that_measures_is_in_the_digest(
    declare: Callable[..., Extension],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    site = tmp_path_factory.mktemp("site")
    (site / "extension_own.py").write_text("SIZE = 1\n")
    monkeypatch.syspath_prepend(str(site))
    plain = source.digest.__wrapped__()
    made = declare(Group.VIEWS, "own")
    assert source.digest.__wrapped__() == plain

    made = declare(Group.STORAGES, "own")
    monkeypatch.delitem(sys.modules, made.place)
    one = source.digest.__wrapped__()
    (site / "extension_own.py").write_text("SIZE = 2\n")

    assert len({plain, one, source.digest.__wrapped__()}) == 3
    assert made in extensions.that_measure()
    assert made.version == ("other", "1.0")
