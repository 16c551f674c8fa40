from __future__ import annotations

import pytest

from lab.cluster import kata
from lab.cluster.kata import KataRelease, release_of
from lab.errors import UsageError
from lab.matrix import KATA, Runtime


def test_the_pinned_releases_are_those_of_the_plan() -> None:
    assert release_of(Runtime.KATA_GO) == KataRelease(Runtime.KATA_GO, "3.28.0")
    assert release_of(Runtime.KATA_RS) == KataRelease(Runtime.KATA_RS, "4.1.0")


def test_another_release_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    newer = KataRelease(Runtime.KATA_GO, "4.1.0")
    monkeypatch.setattr(kata, "RELEASES", (*kata.RELEASES, newer))

    assert release_of(Runtime.KATA_GO, "4.1.0") is newer
    assert release_of(Runtime.KATA_GO).version == "3.28.0"


@pytest.mark.parametrize(
    ("runtime", "version", "known"),
    [
        (Runtime.KATA_GO, "4.1.0", "known: 3.28.0"),
        (Runtime.KATA_RS, "3.28.0", "known: 4.1.0"),
        (Runtime.RUNC, None, "known: none"),
    ],
)
def test_an_unknown_release_names_the_known_ones(
    runtime: Runtime, version: str | None, known: str
) -> None:
    with pytest.raises(UsageError, match=known):
        release_of(runtime, version)


def test_only_kata_has_releases() -> None:
    with pytest.raises(ValueError, match="runc with qemu is no runtime of Kata"):
        KataRelease(Runtime.RUNC, "1.3.0")


def test_releases_share_no_file() -> None:
    releases = [KataRelease(runtime, version) for runtime in KATA for version in ("4.0.0", "4.1.0")]

    assert len({release.prefix for release in releases}) == len(releases)
    for release in releases:
        assert release.shim.startswith(f"{release.prefix}/")
        assert release.configuration.startswith(f"{release.prefix}/")
