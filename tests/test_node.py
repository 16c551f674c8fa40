"""A node, with an `ssh` that stays on this machine."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from lab import command, wait
from lab.errors import CommandError, NotReadyError, ProvisionError
from lab.node import Access, Node, gather_script, listening_script, parse_gathered
from lab.wait import Pending, wait_for
from tests.fakes import Clock, Programs, wait_until_dead

if TYPE_CHECKING:
    from pathlib import Path

SSH = """\
while [ $# -gt 0 ] && [ "$1" != -- ]; do shift; done
[ $# = 0 ] || exec sh -c "$2"
"""
"""ssh(1) hands its last argument to a shell; without a command line it only controls."""
UNREACHABLE = "echo 'ssh: connect to host 127.0.0.1 port 22: Connection refused' >&2; exit 255"
NASTY = ["", "a b", "$HOME", "'", '"', "*", "a\nb", "\\n", ";reboot", "-x"]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    programs = Programs.first_on_path(tmp_path / "bin", monkeypatch)
    programs.add("ssh", SSH)
    return programs


@pytest.fixture
def access(tmp_path: Path) -> Access:
    sockets = tmp_path / "sockets"
    sockets.mkdir()
    public = tmp_path / "host.pub"
    public.write_text("ssh-ed25519 AAAAC3Nz kata-lab\n")
    return Access.make(
        name="node-1", port=40022, key=tmp_path / "client", host_key=public, sockets=sockets
    )


@pytest.fixture
def node(access: Access, programs: Programs) -> Node:
    assert programs.calls("ssh") == []
    return Node(access)


def options(config: Path) -> dict[str, str]:
    lines = [line.split(maxsplit=1) for line in config.read_text().splitlines()]
    return {name: value.strip('"').replace("%%", "%") for name, value in lines}


def test_the_way_to_a_node_is_its_port_on_this_machine(access: Access, tmp_path: Path) -> None:
    config = options(access.ssh_config)

    assert (config["HostName"], config["Port"], config["User"]) == ("127.0.0.1", "40022", "root")
    assert (config["IdentityFile"], config["IdentitiesOnly"]) == (f"{tmp_path}/client", "yes")
    assert access.ssh("-tt") == ["ssh", "-F", str(access.ssh_config), "-tt", "node-1"]


def test_nothing_is_trusted_on_first_use(access: Access) -> None:
    config = options(access.ssh_config)

    assert config["StrictHostKeyChecking"] == "yes"
    assert config["HostKeyAlias"] == "node-1"
    assert config["GlobalKnownHostsFile"] == "/dev/null"
    with open(config["UserKnownHostsFile"]) as known:  # noqa: PTH123 - as ssh would
        assert known.read() == "node-1 ssh-ed25519 AAAAC3Nz\n"


def test_nobody_is_ever_asked_for_a_password(access: Access) -> None:
    assert options(access.ssh_config)["BatchMode"] == "yes"


@pytest.mark.skipif(shutil.which("ssh") is None, reason="needs ssh(1)")
def test_a_folder_may_be_called_anything(tmp_path: Path) -> None:
    sockets = tmp_path / "50 %h of it"
    sockets.mkdir()
    public = tmp_path / "host.pub"
    public.write_text("ssh-ed25519 AAAAC3Nz kata-lab\n")
    access = Access.make(
        name="node-1", port=40022, key=sockets / "client", host_key=public, sockets=sockets
    )

    said = command.run([*access.ssh("-G")], timeout_s=20).stdout.splitlines()

    assert f"controlpath {sockets}/node-1" in said


@pytest.mark.skipif(shutil.which("ssh") is None, reason="needs ssh(1)")
def test_ssh_itself_reads_the_configuration_so(access: Access) -> None:
    said = command.run([*access.ssh("-G")], timeout_s=20).stdout.splitlines()

    assert "hostname 127.0.0.1" in said
    assert "port 40022" in said
    assert "stricthostkeychecking true" in said
    assert f"controlpath {access.sockets}/node-1" in said


@pytest.mark.parametrize("argument", NASTY)
def test_arguments_arrive_as_they_were_given(node: Node, argument: str) -> None:
    assert node.run(["printf", "%s|", argument, "end"], timeout_s=10).stdout == f"{argument}|end|"


def test_a_command_has_the_input_that_it_is_given(node: Node) -> None:
    assert node.run(["cat"], timeout_s=10, stdin="hello").stdout == "hello"


def test_a_failure_on_the_node_names_command_and_node(node: Node) -> None:
    with pytest.raises(CommandError, match="sh exited with status 3 on node-1") as caught:
        node.run(["sh", "-c", "echo why >&2; exit 3"], timeout_s=10)

    assert caught.value.__notes__ == ["its last words:\n  why"]


def test_a_failure_on_the_node_may_be_asked_for(node: Node) -> None:
    assert node.run(["sh", "-c", "exit 3"], timeout_s=10, check=False).returncode == 3


@pytest.mark.parametrize("check", [True, False])
def test_a_node_out_of_reach_is_no_failure_of_the_command(
    node: Node, programs: Programs, *, check: bool
) -> None:
    programs.add("ssh", UNREACHABLE)

    with pytest.raises(ProvisionError, match=r"node-1 cannot be reached: .*Connection refused"):
        node.run(["true"], timeout_s=10, check=check)


def test_a_node_out_of_reach_may_say_nothing(node: Node, programs: Programs) -> None:
    programs.add("ssh", "exit 255")

    with pytest.raises(ProvisionError, match="node-1 cannot be reached: ssh failed"):
        node.run(["true"], timeout_s=10)


def test_a_command_that_ends_as_ssh_does_has_failed_by_itself(node: Node) -> None:
    done = node.run(["sh", "-c", "exit 255"], timeout_s=10, check=False)

    assert done.returncode == 254


def test_a_script_ends_with_its_first_failure(node: Node, tmp_path: Path) -> None:
    with pytest.raises(CommandError):
        node.script(f"touch {tmp_path}/one\nfalse\ntouch {tmp_path}/two\n", timeout_s=10)

    assert (tmp_path / "one").exists()
    assert not (tmp_path / "two").exists()


def test_a_script_does_not_go_on_with_a_variable_that_is_not_there(node: Node) -> None:
    with pytest.raises(CommandError):
        node.script("echo $no_such_variable", timeout_s=10)


def test_a_script_hands_back_what_it_said(node: Node) -> None:
    assert node.script("for i in 1 2; do echo $i; done", timeout_s=10) == "1\n2\n"


def test_questions_are_answered_in_one_round_trip(node: Node, programs: Programs) -> None:
    answers = node.gather({"one": "echo 1", "two": "printf '2\\n2'"}, timeout_s=10)

    assert answers == {"one": "1\n", "two": "2\n2"}
    assert len(programs.calls("ssh")) == 1


def test_testinfra_asks_through_the_node(node: Node, tmp_path: Path) -> None:
    (tmp_path / "it's").touch()

    assert node.host.file(f"{tmp_path}/it's").exists
    assert not node.host.file(f"{tmp_path}/that").exists


def test_a_background_command_ends_with_its_block(
    node: Node, programs: Programs, tmp_path: Path
) -> None:
    written = tmp_path / "pid"

    def pid() -> int:
        if not written.exists() or not written.read_text().endswith("\n"):
            raise Pending("it has not begun")
        return int(written.read_text())

    with node.background(["sh", "-c", f"echo $$ >{written}; exec sleep 60"]):
        begun = wait_for("the command", pid, timeout_s=5, every_s=0.01, remedy="none")

    wait_until_dead(begun)
    assert programs.calls("ssh")[0].startswith(f"-F {node.access.ssh_config} -tt node-1 -- sh")


def test_a_background_command_is_waited_for_until_it_listens(
    node: Node, programs: Programs
) -> None:
    programs.add("ss", "echo udp UNCONN 0 0 0.0.0.0:5201")

    with node.background(["sleep", "60"], listening=5201):
        pass

    assert programs.calls("ss") == ["-Hltun sport = :5201"]


def test_waiting_for_a_port_ends_when_it_is_bound(programs: Programs) -> None:
    programs.add("ss", '[ "$(wc -l <"$0.calls")" -lt 3 ] || echo bound')

    command.run(["sh", "-c", listening_script(7)], timeout_s=10)

    assert len(programs.calls("ss")) == 3


def test_a_socket_of_the_node_is_made_reachable_and_forgotten(
    node: Node, programs: Programs, tmp_path: Path
) -> None:
    local = tmp_path / "agent"
    local.touch()

    node.forward("/run/agent", local)

    assert not local.exists()  # ssh refuses to bind where something is
    local.touch()
    node.unforward("/run/agent", local)
    assert not local.exists()
    config = node.access.ssh_config
    assert programs.calls("ssh") == [
        f"-F {config} -O forward -L {local}:/run/agent node-1",
        f"-F {config} -O cancel -L {local}:/run/agent node-1",
    ]


def test_a_forward_that_fails_is_said(node: Node, programs: Programs, tmp_path: Path) -> None:
    programs.add("ssh", UNREACHABLE)

    with pytest.raises(CommandError):
        node.forward("/run/agent", tmp_path / "agent")
    node.unforward("/run/agent", tmp_path / "agent")


def test_a_port_of_the_node_is_led_to_a_free_one_here(node: Node, programs: Programs) -> None:
    programs.add("ssh", '[ "$(wc -l <"$0.calls")" -ge 2 ] || exit 255')  # somebody took the first

    port = node.forward_port(6443)

    first, second = programs.calls("ssh")
    config = node.access.ssh_config
    assert second == f"-F {config} -O forward -L 127.0.0.1:{port}:127.0.0.1:6443 node-1"
    assert first.endswith(":127.0.0.1:6443 node-1")


def test_a_port_that_cannot_be_led_here_is_said(node: Node, programs: Programs) -> None:
    programs.add("ssh", UNREACHABLE)

    with pytest.raises(CommandError):
        node.forward_port(6443)
    assert len(programs.calls("ssh")) == 3


def test_a_node_is_waited_for_until_it_answers(
    node: Node, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait, "time", Clock())
    programs.add("ssh", f'[ "$(wc -l <"$0.calls")" -ge 3 ] || {{ {UNREACHABLE}; }}')

    node.wait_until_up(timeout_s=60, remedy="none")

    assert len(programs.calls("ssh")) == 3


def test_a_node_that_never_answers_quotes_ssh(
    node: Node, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait, "time", Clock())
    programs.add("ssh", UNREACHABLE)

    with pytest.raises(NotReadyError, match=r"ssh on node-1 .* 1 s: .*Connection refused") as it:
        node.wait_until_up(timeout_s=1, remedy="read its console")

    assert it.value.remedy == "read its console"


def test_the_shared_connection_ends_whatever_ssh_says(node: Node, programs: Programs) -> None:
    programs.add("ssh", UNREACHABLE)

    node.disconnect()

    assert programs.calls("ssh") == [f"-F {node.access.ssh_config} -O exit node-1"]


def ask(questions: dict[str, str], *, strict: str = "") -> dict[str, str]:
    """Ask a real shell, as a node would be asked; *strict* are its options."""
    argv = ["sh", *strict.split(), "-s"]
    done = command.run(argv, timeout_s=10, check=False, stdin=gather_script(questions))
    return parse_gathered(done.stdout)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("echo fine", "fine\n"),
        ("printf 'no end of line'", "no end of line"),
        ("true", ""),
        ("false", ""),
        ("echo out; echo err >&2; false", "out\nerr\n"),
        ("printf '\\na\\n\\nb\\n'", "\na\n\nb\n"),
        ("cat", ""),
        ("echo a # and a remark", "a\n"),
        ("echo one\necho two", "one\ntwo\n"),
        ("echo '}' \"$((1 + 1))\" | cat", "} 2\n"),
    ],
)
@pytest.mark.parametrize("strict", ["", "-eu"])
def test_an_answer_comes_back_whole_whatever_the_question(
    strict: str, question: str, expected: str
) -> None:
    answers = ask({"before": "echo 0", "it": question, "after": "echo 9"}, strict=strict)

    assert answers == {"before": "0\n", "it": expected, "after": "9\n"}


def test_a_question_that_reads_takes_nothing_from_those_after_it() -> None:
    """The script comes in on the same input; so long a one is not read in one go."""
    answers = ask({"it": "cat", "long": f": {'x' * 100_000}", "after": "echo 9"})

    assert answers == {"it": "", "long": "", "after": "9\n"}


def test_a_program_that_is_not_there_says_so_in_its_answer() -> None:
    assert "not found" in ask({"it": "no-such-program-anywhere", "after": "echo 9"})["it"]


@pytest.mark.parametrize("name", ["ip -d -j link (pod)", "it's", "$HOME %s \\n", "*"])
def test_a_question_may_have_any_name(name: str) -> None:
    assert ask({name: "echo 1"}) == {name: "1\n"}


def test_no_question_has_no_answer() -> None:
    assert ask({}) == {}


def test_what_was_said_before_the_first_question_is_no_answer() -> None:
    assert parse_gathered("Welcome to node-1\n") == {}
