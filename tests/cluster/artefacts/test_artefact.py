"""An artefact and its lock: what cannot be said in them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lab.cluster.artefacts.artefact import UNPINNED, Artefact, Kind, Lock

A, B = "a" * 64, "b" * 64


def artefact(**changes: object) -> Artefact:
    values: dict[str, Any] = {
        "name": "kubeadm",
        "kind": Kind.BINARY,
        "version": "v1",
        "address": "https://dl.k8s.io/kubeadm",
        "size": 7,
        "sha256": A,
        "source": "published at https://dl.k8s.io/kubeadm.sha256",
    }
    return Artefact(**(values | changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sha256": None}, "goes with no such sha256"),
        ({"source": UNPINNED}, "goes with no such sha256"),
        ({"size": None}, "lacks its size"),
        ({"kind": Kind.IMAGE}, "an image has a digest"),
        ({"digest": f"sha256:{A}"}, "an image has a digest"),
    ],
)
def test_contradictions_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        artefact(**changes)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("address", "http://dl.k8s.io/kubeadm"),
        ("address", "file:///etc/passwd"),
        ("address", "https://dl.k8s.io/a b"),
        ("address", "bin/../../etc/passwd"),
        ("address", "/etc/passwd"),
        ("address", "home/kubeadm"),
        ("sha256", A.upper()),
        ("sha256", "a"),
        ("size", 0),
        ("version", "../v1"),
        ("name", "-rf"),
        ("member", "../crictl"),
        ("sum", "somebody said so"),
        ("sum", "pinned on first fetch yesterday"),
        ("mode", "0777"),
    ],
)
def test_what_is_read_is_checked(key: str, value: object) -> None:
    raw = {**msgspec.to_builtins(artefact()), key: value}

    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(raw, Artefact)


def test_two_versions_of_one_name_may_stand_in_a_lock() -> None:
    lock = Lock(is_official=True, artefacts=(artefact(), artefact(version="v2")))

    assert lock.find("kubeadm") == artefact()
    assert lock.find("kubeadm", "v2") == artefact(version="v2")
    assert lock.find("kubeadm", "v3") is None
    assert lock.find("kubelet") is None


def test_the_same_version_twice_may_not() -> None:
    with pytest.raises(ValueError, match="more than once: kubeadm v1"):
        Lock(is_official=True, artefacts=(artefact(), artefact()))


def test_the_locks_of_upstream_and_of_a_directory_do_not_mix() -> None:
    with pytest.raises(ValueError, match="wrong lock"):
        Lock(is_official=False, artefacts=(artefact(),))
    with pytest.raises(ValueError, match="wrong lock"):
        Lock(is_official=True, artefacts=(artefact(address="bin/kubeadm"),))


def test_the_digest_is_that_of_the_files() -> None:
    one, two = artefact(), artefact(version="v2")
    digest = Lock(is_official=True, artefacts=(one, two)).digest

    pinned = artefact(source="pinned on first fetch 2026-11-24", address="https://elsewhere/")
    assert Lock(is_official=True, artefacts=(two, pinned)).digest == digest
    assert Lock(is_official=True, artefacts=(one,)).digest != digest
    assert Lock(is_official=True, artefacts=(artefact(sha256=B), two)).digest != digest


def test_built_locally_is_another_digest() -> None:
    local = artefact(address="bin/kubeadm", source="taken locally 2026-11-24")

    assert (
        Lock(is_official=False, artefacts=(local,)).digest
        != Lock(is_official=True, artefacts=(artefact(),)).digest
    )


def test_what_is_unpinned_can_be_pinned() -> None:
    loose = artefact(version="v2", sha256=None, size=None, source=UNPINNED)
    lock = Lock(is_official=True, artefacts=(loose, artefact()))
    assert lock.unpinned == (loose,)

    pinned = lock.with_artefact(artefact(version="v2"))

    assert pinned.artefacts == (artefact(version="v2"), artefact())
    assert pinned.unpinned == ()
    assert pinned.of(Kind.BINARY) == pinned.artefacts
    assert pinned.of(Kind.KATA) == ()


@pytest.mark.parametrize("name", ["a/../b", "../b", "a/", "a//b", "a\n", "a b", "a;b", "a/-b"])
def test_no_name_leads_elsewhere_or_is_more_than_a_name(name: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**msgspec.to_builtins(artefact()), "name": name}, Artefact)
