"""A domain's life, on libvirt's own test driver: normal end, gone already, refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, NoReturn

import libvirt
import pytest

from lab.errors import ProvisionError
from lab.virt import domain
from lab.virt.connection import Connection, connected
from tests.virt.test_xml import GOLDEN

if TYPE_CHECKING:
    from collections.abc import Iterator

URI = "test:///default"
SCHEMA = Path("/usr/share/libvirt/schemas/domain.rng")
XML = """\
<domain type='test'>
  <name>lab-test-1</name>
  <memory>1024</memory>
  <os><type>hvm</type></os>
</domain>"""
NAME = "lab-test-1"


@pytest.fixture
def connection() -> Iterator[Connection]:
    with connected(URI) as connection:
        yield connection
        domain.destroy(connection, NAME)


def refusing(code: int, message: str) -> Connection:
    """A libvirt that has one answer to everything."""

    class Raw:
        def __getattr__(self, _name: str) -> NoReturn:
            error = libvirt.libvirtError("")
            error.err = (code, libvirt.VIR_FROM_QEMU, message, 2, None, None, None, -1, -1)
            raise error

    return Connection(URI, Raw())


def defined(connection: Connection) -> set[str]:
    return {each.name() for each in connection.raw.listAllDomains()}


def test_a_domain_runs_from_its_start_to_its_end(connection: Connection) -> None:
    domain.start(connection, XML, name=NAME)
    assert domain.is_running(connection, NAME)

    domain.destroy(connection, NAME)

    assert not domain.is_running(connection, NAME)
    assert NAME not in defined(connection)


@pytest.mark.skipif(not SCHEMA.exists(), reason="needs libvirt's schemas")
@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.xml")), ids=lambda path: path.stem)
def test_a_node_is_described_as_libvirts_schema_wants_it(
    connection: Connection, path: Path
) -> None:
    """A part that is misspelt or misplaced would otherwise be left out in silence."""
    xml = path.read_text()

    domain_of_it = connection.raw.createXML(xml, libvirt.VIR_DOMAIN_START_VALIDATE)

    assert domain_of_it.isActive()
    domain_of_it.destroy()
    with pytest.raises(libvirt.libvirtError, match="failed to validate against schema"):
        connection.raw.createXML(
            xml.replace("oemStrings", "oemString"), libvirt.VIR_DOMAIN_START_VALIDATE
        )


def test_another_connection_sees_the_same_domain(connection: Connection) -> None:
    domain.start(connection, XML, name=NAME)

    with connected(URI) as other:
        assert domain.is_running(other, NAME)


def test_a_domain_that_never_was_does_not_run(connection: Connection) -> None:
    assert not domain.is_running(connection, "nobody")


def test_a_domain_that_is_off_does_not_run(connection: Connection) -> None:
    off = connection.raw.defineXML(XML)

    assert not domain.is_running(connection, NAME)
    domain.destroy(connection, NAME)
    off.undefine()


def test_a_domain_that_is_gone_already_can_be_ended(connection: Connection) -> None:
    domain.start(connection, XML, name=NAME)
    domain.destroy(connection, NAME)

    domain.destroy(connection, NAME)

    assert NAME not in defined(connection)


def test_ending_one_domain_leaves_the_others(connection: Connection) -> None:
    others = defined(connection)
    domain.start(connection, XML, name=NAME)

    domain.destroy(connection, NAME)

    assert defined(connection) == others


@pytest.mark.parametrize(
    "xml", ["<domain", "<domain type='test'/>", XML.replace("'test'", "'no-such-kind'")]
)
def test_a_domain_that_libvirt_refuses_is_said_with_its_words(
    connection: Connection, xml: str
) -> None:
    with pytest.raises(ProvisionError, match=f"libvirt cannot start {NAME}: .+") as caught:
        domain.start(connection, xml, name=NAME)

    assert not isinstance(caught.value, domain.PortTakenError)
    assert f"qemu/{NAME}.log" in caught.value.remedy


def test_a_name_is_not_given_away_twice(connection: Connection) -> None:
    domain.start(connection, XML, name=NAME)

    with pytest.raises(ProvisionError, match="already exists"):
        domain.start(connection, XML, name=NAME)

    assert domain.is_running(connection, NAME)


def test_a_port_that_was_taken_meanwhile_is_told_from_other_refusals() -> None:
    """As QEMU 7.2 puts it."""
    words = (
        "internal error: process exited while connecting to monitor: qemu-system-x86_64: -netdev"
        " user,id=mgmt,restrict=on,hostfwd=tcp:127.0.0.1:40022-:22: Could not set up host"
        " forwarding rule 'tcp:127.0.0.1:40022-:22'"
    )

    with pytest.raises(domain.PortTakenError, match=f"{NAME} cannot have its port"):
        domain.start(refusing(libvirt.VIR_ERR_INTERNAL_ERROR, words), XML, name=NAME)


def test_a_domain_that_will_not_end_is_said_with_libvirts_words() -> None:
    """A ProvisionError, so that what else a lab has made is taken down all the same."""
    words = "Failed to terminate process 42 with SIGKILL: Device or resource busy"

    with pytest.raises(ProvisionError, match=f"cannot end {NAME}: {words}"):
        domain.destroy(refusing(libvirt.VIR_ERR_SYSTEM_ERROR, words), NAME)


def test_an_emulator_that_libvirt_can_start_is_no_problem() -> None:
    asked: list[object] = []
    raw = SimpleNamespace(getDomainCapabilities=lambda *what: asked.append(what))

    assert domain.emulator_problem(Connection(URI, raw), Path("/images/qemu")) == ""
    assert asked == [("/images/qemu", None, None, "qemu", 0)]


def test_an_emulator_that_libvirt_cannot_start_is_said_with_its_words() -> None:
    connection = refusing(libvirt.VIR_ERR_INTERNAL_ERROR, "cannot execute: Permission denied")

    problem = domain.emulator_problem(connection, Path("/images/qemu"))

    assert problem == "cannot execute: Permission denied"


@pytest.mark.parametrize(("models", "expected"), [("dac", None), ("apparmor dac", "apparmor")])
def test_only_a_model_with_a_list_of_programs_confines(models: str, expected: str | None) -> None:
    labels = "".join(f"<secmodel><model>{model}</model></secmodel>" for model in models.split())
    raw = SimpleNamespace(
        getCapabilities=lambda: f"<capabilities><host>{labels}</host></capabilities>"
    )

    assert domain.confined_by(Connection(URI, raw)) == expected


def test_a_libvirt_that_cannot_tell_is_not_taken_for_no() -> None:
    words = "client socket is closed"

    with pytest.raises(ProvisionError, match=f"cannot look for {NAME}: {words}"):
        domain.is_running(refusing(libvirt.VIR_ERR_INTERNAL_ERROR, words), NAME)
