"""
What a node is told at power-on: systemd credentials, and among them ssh keys.

What anybody may know is on QEMU's command line, as SMBIOS OEM strings. A secret is a file that
only QEMU's user may read, and reaches the node by QEMU's firmware configuration (fw_cfg):
a command line can be read by every user of this machine.
"""

from __future__ import annotations

import base64
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.command import run
from lab.files import write_atomic
from lab.virt.xml import MANAGEMENT_MAC

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KEYGEN_TIMEOUT_S = 20.0
KEYS = "keys"
"""What the folder of a node's keys is called, among its sockets."""

MANAGEMENT_NETWORK = f"""\
[Match]
MACAddress={MANAGEMENT_MAC}

[Network]
Address=10.0.2.15/24
LinkLocalAddressing=no
IPv6AcceptRA=no
"""
"""The guest side of QEMU's user-mode network; with restrict=on it leads nowhere but to ssh."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An ed25519 key, as files."""

    private: Path

    @property
    def public(self) -> Path:
        """The public half."""
        return self.private.with_suffix(".pub")


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one node: made for it when its lab is, gone with it."""

    client: KeyPair
    host: KeyPair

    @classmethod
    def of(cls, folder: Path) -> Keys:
        """Name the keys in *folder*, whether or not they are there."""
        return cls(client=KeyPair(folder / "client"), host=KeyPair(folder / "host"))

    def copy(self, folder: Path) -> Keys:
        """Copy them into *folder*, which only its owner may read."""
        folder.mkdir(mode=0o700, parents=True)
        copied = Keys.of(folder)
        for own, other in ((self.client, copied.client), (self.host, copied.host)):
            shutil.copy(own.private, other.private)
            shutil.copy(own.public, other.public)
        return copied


def make_keys(folder: Path) -> Keys:
    """Make a node's keys in *folder*, which only its owner may read."""
    folder.mkdir(mode=0o700, parents=True)
    keys = Keys.of(folder)
    for pair in (keys.client, keys.host):
        _make_key(pair.private)
    return keys


def secrets(keys: Keys, folder: Path, *, host_name: str) -> dict[str, Path]:
    """
    Put what only the node may know into *folder*, which QEMU's user may enter.

    libvirt makes that user the owner of each file for as long as the node runs.

    Returns:
        The files, by the name of the credential that each is.
    """
    path = folder / f"{host_name}-host-key"
    write_atomic(path, keys.host.private.read_bytes(), mode=0o600)
    return {"lab.ssh_host_ed25519_key": path}


def credentials(
    *, host_name: str, keys: Keys, networks: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """
    The OEM strings of a node: nothing in them is a secret.

    Format: systemd.system-credentials(7), "io.systemd.credential.binary:NAME=BASE64".

    Args:
        networks: Files for systemd-networkd besides that of the management interface, by the
            name of the credential that carries each (systemd-network-generator(8)).
    """
    values = {
        "system.hostname": host_name,
        "ssh.authorized_keys.root": keys.client.public.read_text(),
        "network.network.50-mgmt": MANAGEMENT_NETWORK,
        **(networks or {}),
    }
    return tuple(
        f"io.systemd.credential.binary:{name}={base64.b64encode(value.encode()).decode()}"
        for name, value in values.items()
    )


def _make_key(path: Path) -> None:
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "kata-lab", "-f", str(path)]
    run(argv, timeout_s=KEYGEN_TIMEOUT_S)
