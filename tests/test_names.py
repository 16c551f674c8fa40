"""Names from outside: what reaches a shell, a path or QEMU is nothing but a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import names

if TYPE_CHECKING:
    from collections.abc import Callable

NEVER = (
    "",
    " ",
    "a b",
    "a;b",
    "$(reboot)",
    "`id`",
    "a\nb",
    "a\n",
    "'",
    '"',
    "a&b",
    "a|b",
    "é",
    "a\0",
)
"""Nothing of which is any kind of name."""


@pytest.mark.parametrize("check", [names.word, names.path, names.mac])
@pytest.mark.parametrize("text", NEVER)
def test_what_a_shell_could_take_for_more_is_no_name(
    check: Callable[[str], str], text: str
) -> None:
    with pytest.raises(ValueError, match="is not a"):
        check(text)


@pytest.mark.parametrize("text", ["boot1", "cni-54fb62df-1a2b", "a" * 64, "0"])
def test_identifiers(text: str) -> None:
    assert names.word(text) == text


@pytest.mark.parametrize("text", ["-rf", "..", ".", "a/b", "a" * 201, "~"])
def test_no_identifier_is_an_option_or_leads_elsewhere(text: str) -> None:
    with pytest.raises(ValueError, match="is not an identifier"):
        names.word(text)


@pytest.mark.parametrize(
    "text",
    ["/usr/libexec/virtiofsd", "/dev/mapper/lab-pool-snap-4", "/var/lib/io.containerd.x/12/fs"],
)
def test_paths(text: str) -> None:
    assert names.path(text) == text


@pytest.mark.parametrize("text", ["a", "/", "/a/", "//a", "/a/../b", "/./a", "/-x", "/a,b=c"])
def test_no_path_leads_up_or_is_more_to_qemu(text: str) -> None:
    with pytest.raises(ValueError, match="is not a plain path"):
        names.path(text)


@pytest.mark.parametrize("text", ["52:54:00:6b:61", "52:54:00:6b:61:74:00", "52-54-00-6b-61-74"])
def test_no_mac_address(text: str) -> None:
    assert names.mac("52:54:00:6b:61:74") == "52:54:00:6b:61:74"
    with pytest.raises(ValueError, match="is not a MAC address"):
        names.mac(text)
