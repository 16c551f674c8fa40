"""Keys by a real ssh-keygen, and what a node is told at power-on."""

from __future__ import annotations

import base64
import shutil
import stat
from typing import TYPE_CHECKING

import pytest

from lab.command import run
from lab.virt.credentials import KeyPair, Keys, credentials, make_keys, secrets

if TYPE_CHECKING:
    from pathlib import Path

needs_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen(1)")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@needs_keygen
def test_keys_are_made_for_the_lab_and_only_its_owner_reads_them(tmp_path: Path) -> None:
    keys = make_keys(tmp_path / "new" / "keys")

    assert mode(tmp_path / "new" / "keys") == 0o700
    assert {mode(keys.client.private), mode(keys.host.private)} == {0o600}
    for pair in (keys.client, keys.host):
        asked = run(["ssh-keygen", "-y", "-P", "", "-f", pair.private], timeout_s=20)
        assert asked.stdout == pair.public.read_text()
        assert pair.public.read_text().startswith("ssh-ed25519 ")


@needs_keygen
def test_no_key_is_made_twice(tmp_path: Path) -> None:
    one, other = make_keys(tmp_path / "one"), make_keys(tmp_path / "other")

    pairs = (one.client, one.host, other.client, other.host)
    assert len({pair.public.read_text() for pair in pairs}) == 4


def test_a_folder_that_others_may_have_filled_is_not_used(tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        make_keys(tmp_path)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    for name in ("client", "client.pub", "host", "host.pub"):
        (tmp_path / name).write_text(f"the file {name}\n")
    return Keys(client=KeyPair(tmp_path / "client"), host=KeyPair(tmp_path / "host"))


@pytest.fixture
def told(keys: Keys) -> dict[str, str]:
    """What of a node's credentials is on a command line, decoded, by name."""
    found = {}
    for text in credentials(host_name="node-1", keys=keys):
        name, _, value = text.removeprefix("io.systemd.credential.binary:").partition("=")
        found[name] = base64.b64decode(value, validate=True).decode()
    return found


def test_a_node_is_told_its_name_its_keys_and_its_address(told: dict[str, str]) -> None:
    assert set(told) == {
        "system.hostname",
        "ssh.authorized_keys.root",
        "network.network.50-mgmt",
    }
    assert told["system.hostname"] == "node-1"
    assert "Address=10.0.2.15/24" in told["network.network.50-mgmt"].splitlines()


def test_no_private_key_is_on_a_command_line(told: dict[str, str]) -> None:
    assert told["ssh.authorized_keys.root"] == "the file client.pub\n"
    assert not {"the file client\n", "the file host\n"} & set(told.values())


def test_the_nodes_own_key_is_handed_over_in_a_file_that_only_its_owner_reads(
    keys: Keys, tmp_path: Path
) -> None:
    handed = secrets(keys, tmp_path / "lab", host_name="node-1")

    assert {name: path.read_text() for name, path in handed.items()} == {
        "lab.ssh_host_ed25519_key": "the file host\n"
    }
    assert {mode(path) for path in handed.values()} == {0o600}
