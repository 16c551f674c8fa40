"""The life of a sandbox of the reference runtime, on a node that plays its part."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from lab.errors import CommandError, LabError, ProvisionError, SandboxError
from lab.matrix import Cell
from lab.runtime import reference
from lab.runtime.reference import ReferenceSandbox
from lab.storage.backend import MOUNTS, QEMU_COMMAND, QEMU_FILES, VIRTIO_IDS
from tests.evidence import broken, captured, replaced
from tests.runtime.fake_node import FakeNode, cni_result, completed, gathered, setting

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lab.command import Completed

MAC = "ca:57:86:63:96:f0"
CNI = cni_result(mac=MAC, address="10.192.181.56/32")
OVERLAY = "mount -t overlay overlay /run/kata-lab/boot1/shared/rootfs -o index=off\n"
THIN = "mount -t ext4 /dev/mapper/lab-pool-snap-2 /run/kata-lab/boot1/shared/rootfs\n"
FORWARD = "/run/kata-lab/boot1/agent.sock -> boot1.agent"
NOTHING_LEFT = "left: "


class FakeAgent:
    """A guest's agent that answers what the test has laid down."""

    def __init__(self) -> None:
        self.ran: list[list[str]] = []
        self.killed: list[int] = []
        self.is_open = False
        self.refuses: LabError | None = None
        self.without_root = False
        self.answers: dict[str, str] = {}

    def connect(self, *, timeout_s: float) -> None:
        assert timeout_s > 0
        if self.refuses is not None:
            raise self.refuses
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def start(self, argv: Sequence[str], *, stdin: str = "") -> int:
        assert not stdin
        self.ran.append(list(argv))
        return 42

    def kill(self, pid: int) -> None:
        self.killed.append(pid)

    def run(
        self, argv: Sequence[str], *, timeout_s: float, expected_s: float = 0.0, stdin: str = ""
    ) -> Completed:
        assert self.is_open
        assert timeout_s > expected_s
        self.ran.append([*argv, *([stdin] if stdin else [])])
        if list(argv[:2]) == ["/bin/test", "-d"]:
            return completed(argv, status=int(self.without_root))
        if stdin:
            return completed(argv, stdout=gathered(self.answers))
        return completed(argv, status=int(argv[-1] == "false"), stderr="guest's words\n")


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    node = FakeNode(tmp_path)
    node.reply(
        "snapshots --snapshotter overlayfs", gathered({"snapshot": OVERLAY, "CNI result": CNI})
    )
    node.reply("snapshots --snapshotter devmapper", gathered({"snapshot": THIN, "CNI result": CNI}))
    node.reply("printf 'left: '", NOTHING_LEFT)
    return node


@pytest.fixture
def agents(monkeypatch: pytest.MonkeyPatch) -> list[FakeAgent]:
    """Every agent that was made so far; the first one is there from the start."""
    made: list[FakeAgent] = [FakeAgent()]
    handed_out: list[FakeAgent] = []

    def make(_path: Path) -> FakeAgent:
        if handed_out:
            made.append(FakeAgent())
        handed_out.append(made[-1])
        return made[-1]

    monkeypatch.setattr(reference, "GuestAgent", make)
    return made


Make = Callable[[str], ReferenceSandbox]


@pytest.fixture
def make(node: FakeNode, agents: list[FakeAgent]) -> Make:
    assert agents

    def make(cell: str) -> ReferenceSandbox:
        return ReferenceSandbox(setting(node), Cell.parse(cell), name="boot1", number=1)

    return make


@pytest.fixture
def sandbox(make: Make) -> ReferenceSandbox:
    """One that is up."""
    sandbox = make("tcfilter+virtiofs+reference")
    sandbox.start()
    return sandbox


def test_a_start_prepares_wires_launches_and_waits_for_the_guest(
    sandbox: ReferenceSandbox, node: FakeNode, agents: list[FakeAgent]
) -> None:
    prepare, launch = node.ran

    assert prepare.startswith("mkdir -p /run/kata-lab/boot1/shared/rootfs\nip netns add boot1\n")
    assert (
        "ctr -n lab snapshots --snapshotter overlayfs prepare"
        " --target /run/kata-lab/boot1/shared/rootfs boot1 sha256:1a2b\n"
    ) in prepare
    assert "CNI_COMMAND=ADD CNI_CONTAINERID=boot1 " in prepare
    assert "CNI_ARGS='IP=10.192.181.56/32;MTU=1440'" in prepare
    places = [
        launch.index(part)
        for part in (
            "action mirred egress redirect dev tap0_kata",
            "mount -t overlay overlay /run/kata-lab/boot1/shared/rootfs -o index=off\n",
            "setsid /usr/libexec/virtiofsd ",
            "cat >/run/kata-lab/boot1/setup <<'SETUP'\n",
            "ip netns exec boot1 /usr/bin/qemu-system-x86_64 ",
        )
    ]
    assert places == sorted(places)
    assert f"mac={MAC}," in launch
    assert "lab.modules=virtio_net,virtiofs'" in launch
    assert node.forwarded == [FORWARD]
    assert agents[0].ran == [["/bin/test", "-d", "/rootfs/usr"]]
    assert sandbox.address == "10.192.181.56"
    assert sandbox.ready_s > 0


@pytest.mark.parametrize("network", ["tcfilter", "macvtap", "none", "bridge", "l3forwarding"])
@pytest.mark.parametrize(
    "storage", ["virtiofs", "virtiofs-dax", "9p", "devmapper", "devmapper-blk", "pmem-dax"]
)
def test_every_script_of_every_cell_is_one_that_a_shell_understands(
    network: str, storage: str, make: Make, node: FakeNode
) -> None:
    sandbox = make(f"{network}+{storage}+reference")
    sandbox.start()
    sandbox.prove()
    sandbox.drop_caches("/lab/file")
    sandbox.console()
    sandbox.stop()

    for script in node.ran:
        done = subprocess.run(
            ["/bin/sh", "-n"], input=script, text=True, capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), script


def test_none_asks_no_plugin_and_runs_qemu_on_the_node(make: Make, node: FakeNode) -> None:
    sandbox = make("none+virtiofs+reference")
    sandbox.start()
    prepare, launch = node.ran

    assert "CNI_COMMAND" not in prepare
    assert sandbox.pod.mac == "0a:58:0a:c0:b5:38"
    assert "\n/usr/bin/qemu-system-x86_64 " in launch
    sandbox.stop()
    assert "\nip link del tap0_kata\n" in node.ran[-1]


def test_macvtap_hands_qemu_an_open_device(make: Make, node: FakeNode) -> None:
    make("macvtap+9p+reference").start()

    assert node.ran[1].endswith(" -daemonize 3<>/run/kata-lab/boot1/tap\n")


def test_a_plugin_that_fails_is_told_in_its_words_and_what_was_made_is_undone(
    make: Make, node: FakeNode
) -> None:
    error = '{"cniVersion": "1.0.0", "code": 100, "msg": "no veth cali1"}\n'
    node.reply("CNI_COMMAND=ADD", gathered({"snapshot": OVERLAY, "CNI result": error}))
    sandbox = make("tcfilter+virtiofs+reference")

    with pytest.raises(SandboxError, match="made no network: no veth cali1"):
        sandbox.start()
    sandbox.stop()

    assert len(node.ran) == 2, "no QEMU was started"
    assert "\nip netns del boot1\n" in node.ran[-1]
    assert "\nctr -n lab snapshots --snapshotter overlayfs rm boot1\n" in node.ran[-1]
    assert "umount" not in node.ran[-1], "nothing was mounted"


def test_the_words_of_what_fails_on_the_node_come_back_although_its_script_stops_at_failures(
    sandbox: ReferenceSandbox, node: FakeNode
) -> None:
    """The script of a start runs under sh -e, and yet a plugin's exit status must not end it."""
    del sandbox
    script = node.ran[0].partition("link set lo up\n")[2]
    fakes = "ctr() { echo taken; return 1; }\n"

    done = subprocess.run(
        ["/bin/sh", "-eu"],
        input=fakes + script.replace("/usr/lib/cni/calico-veth", "sh -c 'echo its words; exit 1'"),
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0
    assert done.stdout == gathered({"snapshot": "taken\n", "CNI result": "its words\n"})


def test_a_snapshotter_that_fails_is_told_in_its_words(make: Make, node: FakeNode) -> None:
    node.reply("snapshots", gathered({"snapshot": "ctr: no space left\n", "CNI result": CNI}))

    with pytest.raises(SandboxError, match="prepared nothing: ctr: no space left"):
        make("tcfilter+9p+reference").start()


def test_a_qemu_that_does_not_start_is_an_error_and_stop_undoes_the_rest(
    make: Make, node: FakeNode
) -> None:
    node.reply("-daemonize", completed(status=1, stderr="qemu: no property\n"))
    node.unforward_fails = ProvisionError("nothing was forwarded", remedy="none")
    sandbox = make("tcfilter+virtiofs+reference")

    with pytest.raises(CommandError) as caught:
        sandbox.start()
    sandbox.stop()

    assert caught.value.completed.stderr == "qemu: no property\n"
    assert "\numount /run/kata-lab/boot1/shared/rootfs\n" in node.ran[-1]
    assert "\nip netns del boot1\n" in node.ran[-1]


def test_a_guest_that_does_not_answer_is_an_error_and_its_console_is_there(
    make: Make, node: FakeNode, agents: list[FakeAgent]
) -> None:
    node.reply("console.log", gathered({"console": "Kernel panic\n"}))
    agents[0].refuses = SandboxError("the guest's agent does not answer", remedy="none")
    sandbox = make("tcfilter+virtiofs+reference")

    with pytest.raises(SandboxError, match="does not answer"):
        sandbox.start()

    assert sandbox.console() == "Kernel panic\n"
    node.reply("console.log", NOTHING_LEFT)
    sandbox.stop()
    assert node.forwarded == []


def test_a_guest_without_its_root_is_not_up(make: Make, agents: list[FakeAgent]) -> None:
    agents[0].without_root = True

    with pytest.raises(SandboxError, match="without its root file system"):
        make("tcfilter+virtiofs+reference").start()


def test_stop_ends_qemu_before_what_it_uses_is_taken_away(
    sandbox: ReferenceSandbox, node: FakeNode, agents: list[FakeAgent]
) -> None:
    sandbox.stop()
    script = node.ran[-1]

    places = [
        script.index(part)
        for part in (
            "/run/kata-lab/boot1/qemu.pid",
            "/run/kata-lab/boot1/virtiofsd.pid",
            "umount /run/kata-lab/boot1/shared/rootfs",
            "CNI_COMMAND=DEL",
            "ip netns del boot1",
            "rm -rf --one-file-system /run/kata-lab/boot1",
            "overlayfs rm boot1",
        )
    ]
    assert places == sorted(places)
    assert node.forwarded == []
    assert not agents[0].is_open


def test_a_sandbox_that_was_never_started_can_be_stopped(make: Make, node: FakeNode) -> None:
    node.unforward_fails = CommandError("no such forward", completed=completed(status=255))

    make("none+9p+reference").stop()

    assert len(node.ran) == 1


def test_what_is_left_behind_is_reported_with_what_the_undoing_said(
    sandbox: ReferenceSandbox, node: FakeNode
) -> None:
    done = completed(stdout="unmounted\nleft: folder namespace ", stderr="umount: target is busy\n")
    node.reply("printf 'left: '", done)

    with pytest.raises(SandboxError) as caught:
        sandbox.stop()
    assert caught.value.problem == "boot1 left folder namespace behind: umount: target is busy"


def test_leftovers_are_looked_for_where_they_would_be(tmp_path: Path) -> None:
    pod = captured("tcfilter+9p+reference").pod
    script = reference._leftovers(pod, ("none-such",)).replace("/run/kata-lab", str(tmp_path))
    (tmp_path / pod.namespace).mkdir()

    done = subprocess.run(
        ["/bin/sh", "-eu"], input=script, capture_output=True, text=True, check=True
    )

    assert done.stdout == "left: folder "


def test_a_process_is_ended_and_waited_for(tmp_path: Path) -> None:
    pid_file = tmp_path / "qemu.pid"
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        pid_file.write_text(f"{process.pid}\n")
        # A child stays until it is waited for, and that is this process's: so it is asked once.
        script = reference._end_process(str(pid_file)).replace("while kill -0", "while false")

        subprocess.run(["/bin/sh", "-u"], input=script, text=True, check=True)

        assert process.wait(timeout=5) == -15


def test_a_process_that_never_was_is_no_problem(tmp_path: Path) -> None:
    script = reference._end_process(str(tmp_path / "qemu.pid"))

    assert subprocess.run(["/bin/sh", "-eu"], input=script, text=True, check=True).returncode == 0


def test_a_restart_is_another_guest_on_the_same_snapshot(
    sandbox: ReferenceSandbox, node: FakeNode, agents: list[FakeAgent]
) -> None:
    guest = sandbox.guest

    sandbox.restart()
    end, prepare, launch = node.ran[-3:]

    assert agents[0].ran[-1][-1] == "sync"
    assert "snapshots" not in end
    assert "ip netns del boot1\n" in end
    assert (
        "ctr -n lab snapshots --snapshotter overlayfs mounts"
        " /run/kata-lab/boot1/shared/rootfs boot1\n"
    ) in prepare
    assert " prepare " not in prepare
    assert "-daemonize" in launch
    assert not agents[0].is_open
    assert agents[1].is_open
    assert node.forwarded == [FORWARD]
    assert sandbox.guest is guest
    sandbox.run(["true"], timeout_s=5)
    assert agents[1].ran[-1][-1] == "true"


def test_a_command_runs_in_the_containers_root(
    sandbox: ReferenceSandbox, agents: list[FakeAgent]
) -> None:
    sandbox.run(["iperf3", "--version"], timeout_s=5)

    assert agents[0].ran[-1] == ["/bin/chroot", "/rootfs", "iperf3", "--version"]


def test_a_command_that_fails_is_an_error_unless_that_is_an_answer(
    sandbox: ReferenceSandbox,
) -> None:
    assert sandbox.run(["false"], timeout_s=5, check=False).returncode == 1
    with pytest.raises(CommandError) as caught:
        sandbox.run(["false"], timeout_s=5)
    assert caught.value.problem == "false exited with status 1 in tcfilter+virtiofs+reference"


def test_a_question_of_testinfra_is_asked_inside(
    sandbox: ReferenceSandbox, agents: list[FakeAgent]
) -> None:
    assert sandbox.guest.run("uname -r").rc == 0

    assert agents[0].ran[-1][-3:] == ["sh", "-c", "uname -r"]


def test_what_runs_beside_a_block_ends_with_it(
    sandbox: ReferenceSandbox, agents: list[FakeAgent]
) -> None:
    with sandbox.background(["iperf3", "-s"], listening=5201):
        assert agents[0].ran[-2][-2:] == ["iperf3", "-s"]
        assert "sport = :5201" in agents[0].ran[-1][-1]
        assert agents[0].killed == []
    assert agents[0].killed == [42]


def test_it_ends_too_when_the_block_fails(
    sandbox: ReferenceSandbox, agents: list[FakeAgent]
) -> None:
    with pytest.raises(AssertionError), sandbox.background(["iperf3", "-s"]):
        raise AssertionError
    assert agents[0].killed == [42]


def test_memory_is_that_of_qemu_and_its_daemon_in_bytes(
    sandbox: ReferenceSandbox, node: FakeNode
) -> None:
    node.reply("/run/kata-lab/boot1/*.pid", "2048\n")

    assert sandbox.memory_bytes() == 2048 * 1024


def test_what_the_daemon_serves_is_told_with_its_pids_and_the_folder_of_changes(
    make: Make, node: FakeNode
) -> None:
    overlay = OVERLAY.replace("index=off", "index=off,upperdir=/snaps/7/fs,lowerdir=/snaps/1/fs")
    node.reply(
        "snapshots --snapshotter overlayfs", gathered({"snapshot": overlay, "CNI result": CNI})
    )
    sandbox = make("tcfilter+virtiofs+reference")
    sandbox.start()

    share = sandbox.share()

    assert share is not None
    assert share.changes == "/snaps/7/fs"
    pid = "$(cat /run/kata-lab/boot1/virtiofsd.pid)"
    assert share.daemon == f"{pid} $(pgrep -P {pid})"


def test_without_a_daemon_nothing_is_shared(make: Make) -> None:
    sandbox = make("tcfilter+devmapper+reference")
    sandbox.start()

    assert sandbox.share() is None


def test_a_snapshot_that_is_no_overlay_has_no_folder_of_changes(sandbox: ReferenceSandbox) -> None:
    with pytest.raises(SandboxError, match="the snapshot boot1 is no overlay"):
        sandbox.share()


def test_what_is_cached_is_forgotten_in_the_guest_first(
    sandbox: ReferenceSandbox, node: FakeNode, agents: list[FakeAgent]
) -> None:
    sandbox.drop_caches("/lab/file")

    assert "of=/lab/file" in agents[0].ran[-1]
    assert node.ran[-1].startswith("dd of=/run/kata-lab/boot1/shared/rootfs/lab/file oflag=nocache")


PROVEN = captured("tcfilter+virtiofs+reference")
IN_GUEST = (MOUNTS, VIRTIO_IDS)


def prove(
    sandbox: ReferenceSandbox, node: FakeNode, agent: FakeAgent, answers: dict[str, str]
) -> set[str]:
    """The subjects of the facts that fail for a sandbox that answers so."""
    on_node = {name: text for name, text in answers.items() if name not in IN_GUEST}
    node.reply("/proc/$(cat", gathered(on_node))
    agent.answers = {name: answers[name] for name in IN_GUEST}
    facts, raw = sandbox.prove()
    assert answers.items() <= raw.items()
    assert len(facts) == 16, "three of QEMU, eight of tcfilter, five of virtiofs"
    return broken(facts)


def test_a_real_sandbox_is_proven_on_both_sides(
    sandbox: ReferenceSandbox, node: FakeNode, agents: list[FakeAgent]
) -> None:
    assert prove(sandbox, node, agents[0], dict(PROVEN.answers)) == set()


QEMU_CASES = {
    "emulated": (replaced(QEMU_COMMAND, "accel=kvm", "accel=tcg"), {"hardware-assisted guest"}),
    "another MAC": (replaced(QEMU_COMMAND, f"mac={MAC}", "mac=02:00:00:00:00:01"), {"guest's MAC"}),
    "vhost off": (replaced(QEMU_FILES, "/dev/vhost-net\n", ""), {"vhost-net"}),
    "vhost-vsock only": (replaced(QEMU_FILES, "/dev/vhost-net", "/dev/vhost-vsock"), {"vhost-net"}),
    "QEMU ended": (
        lambda answers: {**answers, QEMU_COMMAND: "cat: no such file\n", QEMU_FILES: ""},
        {
            "hardware-assisted guest",
            "guest's MAC",
            "vhost-net",
            "vhost-user-fs-pci in QEMU's command line",
        },
    ),
}


@pytest.mark.parametrize("case", QEMU_CASES)
def test_a_fact_of_qemu_fails_when_what_it_claims_is_taken_away(
    case: str, sandbox: ReferenceSandbox, node: FakeNode, agents: list[FakeAgent]
) -> None:
    change, subjects = QEMU_CASES[case]

    assert prove(sandbox, node, agents[0], change(PROVEN.answers)) == subjects


def test_a_guest_that_died_leaves_no_proof_of_its_storage(
    sandbox: ReferenceSandbox, node: FakeNode, agents: list[FakeAgent]
) -> None:
    answers = {**PROVEN.answers, MOUNTS: "", VIRTIO_IDS: ""}

    assert prove(sandbox, node, agents[0], answers) == {
        "root file system",
        "DAX",
        "virtio device fs",
    }


def test_what_was_never_started_cannot_be_proven(make: Make) -> None:
    with pytest.raises(SandboxError, match="was never started"):
        make("tcfilter+virtiofs+reference").prove()


def test_while_it_is_lent_somebody_else_can_speak_with_its_agent(
    sandbox: ReferenceSandbox, agents: list[FakeAgent]
) -> None:
    sandbox.start()

    with sandbox.lent():
        assert not agents[0].is_open

    assert agents[-1] is not agents[0]
    assert agents[-1].is_open


def test_a_guest_that_died_while_it_was_lent_is_noticed_by_whoever_asks_it_next(
    sandbox: ReferenceSandbox, agents: list[FakeAgent], monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.start()
    dead = FakeAgent()
    dead.refuses = SandboxError("it does not answer", remedy="none")
    monkeypatch.setattr(reference, "GuestAgent", lambda _path: dead)

    with sandbox.lent():
        assert not agents[0].is_open

    assert not dead.is_open
