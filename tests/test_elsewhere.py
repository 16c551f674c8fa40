from __future__ import annotations

import socket
from typing import TYPE_CHECKING, cast

import pytest

from lab import launch, places
from lab.elsewhere import is_this_machine, require_here
from lab.errors import HostError
from lab.loader import load_topology
from lab.options import Wishes
from lab.stopwatch import Stopwatch
from lab.topology import NodeSpec, Topology

if TYPE_CHECKING:
    from lab.provider import Provider

SYSTEM, SESSION = "qemu:///system", "qemu:///session"


def bench(uri: str | None) -> Topology:
    node = NodeSpec(name="n", cpus=1, memory_mib=2048, pool_gib=1)
    return Topology(name="bench", nodes=(node,), uri=uri)


@pytest.fixture(autouse=True)
def _called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "rack-7")


@pytest.mark.parametrize(
    "uri",
    [None, SYSTEM, "qemu+ssh://localhost/system", "qemu+ssh://rack-7/system",
     "qemu+ssh://root@rack-7.example:2222/system", "qemu+ssh://RACK-7.example./system"],
)  # fmt: skip
def test_what_belongs_here_is_let_through(uri: str | None) -> None:
    require_here(bench(uri), own_uri=SYSTEM, choice="bench")


@pytest.mark.parametrize(
    ("uri", "remedy"),
    [
        ("qemu+ssh://rack-8/system", "ssh rack-8 'lab matrix --topology mine.toml'; then"),
        ("qemu+ssh://me@rack-8.example:2222/session",
         "ssh -p 2222 me@rack-8.example 'lab matrix --topology mine.toml'; then fetch its"),
    ],
)  # fmt: skip
def test_what_belongs_elsewhere_is_to_be_run_there(uri: str, remedy: str) -> None:
    with pytest.raises(HostError) as caught:
        require_here(bench(uri), own_uri=SYSTEM, choice="mine.toml")

    assert f"bench belongs to {uri}, and the lab runs on rack-7" in caught.value.problem
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("uri", "own", "who"),
    [(SYSTEM, SESSION, "root"), (SESSION, SYSTEM, "a user, not root"),
     ("qemu+ssh://localhost/session", SYSTEM, "a user, not root")],
)  # fmt: skip
def test_another_daemon_of_this_machine_is_another_users(uri: str, own: str, who: str) -> None:
    with pytest.raises(HostError, match=f"whoever runs the lab now has {own}") as caught:
        require_here(bench(uri), own_uri=own, choice="bench")

    assert caught.value.remedy.startswith(f"run the lab as {who}, or")


def test_a_full_name_is_compared_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "rack-7.example")

    assert is_this_machine("rack-7.example")
    assert not is_this_machine("rack-7")
    assert not is_this_machine("rack-7.other.example")


def test_a_run_asks_before_it_touches_anything() -> None:
    untouched = cast("Provider", None)

    with pytest.raises(HostError, match="topology remote belongs to qemu"):
        launch.decide(
            Wishes.read({"lab_topology": "remote"}.get),
            say=print,
            stopwatch=Stopwatch(),
            provider=untouched,
        )


def test_the_page_shows_what_is_really_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "laptop")
    page = " ".join((places.ROOT / "docs/topology.md").read_text().split())

    with pytest.raises(HostError) as caught:
        require_here(load_topology("remote"), own_uri=SYSTEM, choice="remote")

    assert f"lab: {' '.join(str(caught.value).split())} ```" in page
