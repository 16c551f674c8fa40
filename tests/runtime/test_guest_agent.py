"""The conversation with a guest's agent, against one that plays it."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from lab import wait
from lab.errors import CommandError, SandboxError
from lab.runtime import guest_agent
from lab.runtime.guest_agent import LAST_POLL_S, GuestAgent
from tests.fakes import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Request = dict[str, Any]
STILL_RUNNING = {"return": {"exited": False}}
PID = {"return": {"pid": 42}}
NOTHING = b""
HANG_UP = None


def line(answer: object) -> bytes:
    return json.dumps(answer).encode() + b"\n"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class FakeAgent:
    """Answers each request with the next of its answers: bytes as they are, else JSON."""

    def __init__(self, answers: Sequence[object], *, before_sync: bytes) -> None:
        self._answers = list(answers)
        self._before_sync = before_sync
        self.requests: list[Request] = []

    def serve(self, listener: socket.socket) -> None:
        with (
            listener.accept()[0] as connection,
            connection.makefile("rb") as lines,
            suppress(ConnectionResetError),  # who asks may have heard enough
        ):
            for text in lines:
                request = json.loads(text)
                self.requests.append(request)
                if not self._answer(connection, request):
                    return

    def _answer(self, connection: socket.socket, request: Request) -> bool:
        if request["execute"] == "guest-sync":
            connection.sendall(self._before_sync + line({"return": request["arguments"]["id"]}))
            return True
        answer = self._answers.pop(0)
        if answer is HANG_UP:
            return False
        connection.sendall(answer if isinstance(answer, bytes) else line(answer))
        return True

    @property
    def commands(self) -> list[str]:
        return [request["execute"] for request in self.requests]


@contextmanager
def playing(path: Path, agent: FakeAgent) -> Iterator[GuestAgent]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=agent.serve, args=(listener,))
        thread.start()
        ours = GuestAgent(path)
        try:
            ours.connect(timeout_s=5)
            yield ours
        finally:
            ours.close()
            thread.join()


Play = Callable[..., tuple[GuestAgent, FakeAgent]]


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    """A connected conversation with an agent that gives these answers."""
    with ExitStack() as conversations:

        def start(*answers: object, before_sync: bytes = NOTHING) -> tuple[GuestAgent, FakeAgent]:
            agent = FakeAgent(answers, before_sync=before_sync)
            return conversations.enter_context(playing(tmp_path / "agent", agent)), agent

        yield start


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time that only passes while somebody sleeps."""
    clock = Clock()
    monkeypatch.setattr(wait, "time", clock)
    monkeypatch.setattr(guest_agent, "time", clock)
    return clock


def test_stale_answers_are_skipped_until_our_own_token_comes(play: Play) -> None:
    stale = line({"return": 7}) + line({"return": {"pid": 1}}) + line({"return": {}})

    agent, fake = play({"return": "pong"}, before_sync=stale)

    assert agent.ask("guest-ping") == "pong"
    assert fake.commands == ["guest-sync", "guest-ping"]


def test_an_answer_may_come_in_pieces_or_several_at_once(play: Play) -> None:
    agent, _ = play(line({"return": 1}) + b'{"ret', b'urn": 2}\n')

    assert agent.ask("guest-one") == 1
    assert agent.ask("guest-two") == 2


def test_a_program_runs_with_its_input_and_its_output_comes_back(play: Play) -> None:
    ended = {
        "exited": True,
        "exitcode": 3,
        "out-data": encoded("größer\n"),
        "err-data": encoded("oops\n"),
    }
    agent, fake = play(PID, {"return": ended})

    done = agent.run(["/bin/sh", "-s"], timeout_s=5, stdin="exit 3\n")

    assert (done.returncode, done.stdout, done.stderr) == (3, "größer\n", "oops\n")
    assert done.argv == ("/bin/sh", "-s")
    arguments = fake.requests[1]["arguments"]
    assert (arguments["path"], arguments["arg"]) == ("/bin/sh", ["-s"])
    assert base64.b64decode(arguments["input-data"]) == b"exit 3\n"
    assert "LC_ALL=C.UTF-8" in arguments["env"]
    assert fake.requests[2]["arguments"] == {"pid": 42}


def test_a_program_without_output_or_input_has_none(play: Play) -> None:
    agent, fake = play(PID, {"return": {"exited": True, "exitcode": 0}})

    done = agent.run(["/bin/true"], timeout_s=5)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "input-data" not in fake.requests[1]["arguments"]


def test_a_program_that_a_signal_ended_has_its_negative_number(play: Play) -> None:
    agent, _ = play(PID, {"return": {"exited": True, "signal": 9}})

    assert agent.run(["/bin/fio"], timeout_s=5).returncode == -9


def test_bytes_that_are_no_text_do_not_stop_anything(play: Play) -> None:
    data = base64.b64encode(b"\xff\n").decode()
    agent, _ = play(PID, {"return": {"exited": True, "exitcode": 0, "out-data": data}})

    assert agent.run(["/bin/cat"], timeout_s=5).stdout == "\ufffd\n"


def test_nothing_is_asked_while_the_program_cannot_be_done_and_then_ever_less_often(
    play: Play, clock: Clock
) -> None:
    ended = {"return": {"exited": True, "exitcode": 0}}
    agent, fake = play(PID, *[STILL_RUNNING] * 12, ended)

    agent.run(["/bin/fio"], timeout_s=60, expected_s=20)

    first, *polls = clock.slept
    assert first == 20
    assert polls[0] == 0.05
    assert polls == sorted(polls)
    assert polls[-1] == LAST_POLL_S
    assert fake.commands.count("guest-exec-status") == 13


def test_a_program_is_killed_at_its_deadline(play: Play, clock: Clock) -> None:
    agent, fake = play(PID, *[STILL_RUNNING] * 5, {"return": {"pid": 43}})

    with pytest.raises(CommandError) as caught:
        agent.run(["/usr/bin/iperf3", "-s"], timeout_s=0.2)

    assert caught.value.problem == "/usr/bin/iperf3 was killed in the guest after 0.2 s"
    assert caught.value.completed.argv == ("/usr/bin/iperf3", "-s")
    assert 0.2 < sum(clock.slept) < 0.3
    killer = fake.requests[-1]["arguments"]
    assert (killer["path"], killer["arg"]) == ("/bin/kill", ["-9", "42"])


def test_a_refusal_is_told_in_the_agents_words(play: Play) -> None:
    error = {"class": "GenericError", "desc": 'Failed to execute child process "/bin/nope"'}
    agent, _ = play({"error": error}, {"return": 5})

    with pytest.raises(SandboxError, match='agent: Failed to execute child process "/bin/nope"'):
        agent.start(["/bin/nope"])
    assert agent.ask("guest-ping") == 5, "and the conversation goes on"


def test_an_agent_that_hangs_up_means_that_qemu_ended(play: Play) -> None:
    agent, _ = play(HANG_UP)

    with pytest.raises(SandboxError, match="QEMU ended before the guest answered"):
        agent.ask("guest-ping")


def test_an_agent_that_says_nothing_is_given_up_on(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guest_agent, "ANSWER_TIMEOUT_S", 0.05)
    agent, _ = play(NOTHING)

    with pytest.raises(SandboxError, match="does not answer"):
        agent.ask("guest-ping")


def test_half_an_answer_is_none(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_agent, "ANSWER_TIMEOUT_S", 0.05)
    agent, _ = play(b'{"return": 1')

    with pytest.raises(SandboxError, match="does not answer"):
        agent.ask("guest-ping")


def test_a_guest_that_never_comes_up_is_given_up_on(tmp_path: Path) -> None:
    """QEMU listens from its start; what is missing is the answer."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "agent"))
        listener.listen()
        agent = GuestAgent(tmp_path / "agent")

        with pytest.raises(SandboxError, match="does not answer"):
            agent.connect(timeout_s=0.05)
        agent.close()


def test_a_socket_that_is_not_there_is_no_way_to_the_agent(tmp_path: Path) -> None:
    agent = GuestAgent(tmp_path / "agent")

    with pytest.raises(SandboxError, match=r"no way to the guest's agent: .*No such file"):
        agent.connect(timeout_s=1)
    agent.close()


def test_a_conversation_that_was_closed_is_gone(play: Play) -> None:
    agent, _ = play()
    agent.close()

    with pytest.raises(SandboxError, match="the guest's agent is gone"):
        agent.ask("guest-ping")
    agent.close()


def test_a_guest_that_talks_without_end_is_left(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each piece comes in time; all together never end."""
    monkeypatch.setattr(guest_agent, "ANSWER_TIMEOUT_S", 0.1)
    monkeypatch.setattr(guest_agent, "RECEIVE_BYTES", 1)
    agent, _ = play(b" " * 100_000)

    with pytest.raises(SandboxError, match="does not answer"):
        agent.ask("guest-ping")


def test_an_answer_without_an_end_is_refused(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_agent, "LONGEST_ANSWER_BYTES", 1000)
    agent, _ = play(b" " * 100_000)

    with pytest.raises(SandboxError, match="makes no sense: it is longer than 1000 bytes"):
        agent.ask("guest-ping")


@pytest.mark.parametrize(
    "answer",
    [
        b"[]\n",
        b"}\n",
        b'{"return": {"pid": "x"}}\n',
        b"{}\n",
        b'{"error": 1}\n',
        b"[" * 9999 + b"\n",
    ],
)
def test_an_answer_that_makes_no_sense_is_said(play: Play, answer: bytes) -> None:
    agent, _ = play(answer)

    with pytest.raises(SandboxError, match="answers what makes no sense"):
        agent.start(["true"])
