"""What is put into the node's and the guest's file systems."""

from __future__ import annotations

import re
import stat

from lab.image import guest, node
from lab.image.entry import with_parents


def configuration() -> dict[str, bytes]:
    return {entry.name: entry.data for entry in with_parents(node.configuration())}


def test_no_unit_is_both_enabled_and_masked() -> None:
    enabled = {unit for units in node.ENABLED.values() for unit in units}

    assert not enabled & set(node.MASKED)


def test_units_of_the_lab_that_are_enabled_exist() -> None:
    found = configuration()
    own = {unit for units in node.ENABLED.values() for unit in units if unit.startswith("lab-")}

    assert own
    assert all(f"etc/systemd/system/{unit}" in found for unit in own)


def test_masked_units_lead_nowhere() -> None:
    entries = {entry.name: entry for entry in node.configuration()}
    getty = entries["etc/systemd/system/getty.target"]

    assert stat.S_ISLNK(getty.mode)
    assert getty.data == b"/dev/null"


def test_the_node_gets_its_name_and_keys_from_outside() -> None:
    assert configuration()["etc/machine-id"] == b""
    assert not node.keep("etc/hostname")
    assert not node.keep("etc/ssh/ssh_host_rsa_key")
    assert node.keep("etc/ssh/sshd_config")


def test_programs_of_the_guests_scripts_are_in_its_file_system() -> None:
    # The shell runs these itself.
    builtin = set("case do done elif else esac exec exit export fi for if in read set then".split())
    builtin |= {"parameters", "until", "wait", "while", "while read"}
    known = {*guest.APPLETS, *builtin, "load", "fail", "chroot", "qemu-ga"}
    for name in ("guest-init.sh", "guest-shutdown.sh"):
        script = (guest.DATA / name).read_text()
        lines = [line.strip() for line in script.splitlines()]
        words = [match[1] for line in lines if (match := re.match(r"([a-z][a-z-]*)(?: |$)", line))]

        assert words
        assert set(words) <= known, name


def test_names_are_listed_once() -> None:
    for names in (guest.APPLETS, guest.MODULES, node.BOOT_MODULES, node.MASKED):
        assert len(set(names)) == len(names)


def test_no_password_opens_a_node() -> None:
    said = configuration()["etc/ssh/sshd_config.d/lab.conf"].decode().splitlines()

    assert {
        "PermitRootLogin prohibit-password",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
    } <= set(said)
