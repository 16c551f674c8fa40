"""The life of a sandbox of Kata, on a node that plays its part."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from lab.cluster.handler import Handler
from lab.cluster.kata import release_of
from lab.errors import CommandError, SandboxError
from lab.matrix import KATA, Cell, cells_of
from lab.runtime import kata_evidence
from lab.runtime.kata import KataSandbox
from lab.storage.virtiofs import DAEMON
from tests.evidence import broken
from tests.runtime.fake_node import FakeNode, cni_result, completed, gathered, setting

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CELL = "tcfilter+virtiofs+kata-go"
POD, CONTAINER = "54fb62dfa0d3", "3fe65fb50dc8"
MAC = "ca:57:86:63:96:f0"
CNI = cni_result(mac=MAC, address="10.192.181.56/32").replace("netns/boot1", "netns/cni-1a2b")
MOUNTS = {
    "overlayfs": "mount -t overlay overlay /run/kata-lab/boot1/root -o index=off\n",
    "devmapper": "mount -t ext4 /dev/mapper/lab-pool-snap-4 /run/kata-lab/boot1/root\n",
}
NOTHING_LEFT = "left: "
EXEC = "ctr -n k8s.io tasks exec"


def started(snapshotter: str) -> str:
    return gathered(
        {"ids": f"{POD} {CONTAINER}\n", "CNI result": CNI, "snapshot": MOUNTS[snapshotter]}
    )


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    node = FakeNode(tmp_path)
    for snapshotter in MOUNTS:
        node.reply(f"snapshots --snapshotter {snapshotter} mounts", started(snapshotter))
    node.reply("printf 'left: '", NOTHING_LEFT)
    return node


@pytest.fixture
def make(node: FakeNode) -> Callable[[str], KataSandbox]:
    def make(name: str) -> KataSandbox:
        cell = Cell.parse(name)
        handler = Handler(cell=cell, release=release_of(cell.runtime))
        return KataSandbox(setting(node, {cell: handler}), cell, name="boot1", number=1)

    return make


@pytest.fixture
def sandbox(make: Callable[[str], KataSandbox]) -> KataSandbox:
    """One that is up."""
    sandbox = make(CELL)
    sandbox.start()
    return sandbox


def test_a_start_asks_for_a_pod_of_the_cells_handler_and_waits_for_its_container(
    sandbox: KataSandbox, node: FakeNode
) -> None:
    start, answer = node.ran

    steps = (
        "echo 'IP=10.192.181.56/32;MTU=1440' >/run/kata-lab/pods/boot1\n",
        "pod=$(crictl runp --runtime tcfilter-virtiofs-kata-go ",
        "container=$(crictl create $pod ",
        "crictl start $container",
    )
    assert [start.index(step) for step in steps] == sorted(start.index(step) for step in steps)
    assert f" {EXEC} --exec-id lab-1 {CONTAINER} sh -c " in answer
    assert answer.endswith(" true")
    assert sandbox.ready_s > 0


def test_the_pod_is_what_the_plugin_made_in_the_namespace_that_containerd_chose(
    sandbox: KataSandbox,
) -> None:
    assert sandbox.pod.namespace == "cni-1a2b"
    assert (sandbox.pod.mac, sandbox.address) == (MAC, "10.192.181.56")
    assert sandbox.pod.mtu_bytes == 1440


def test_the_documents_name_pod_image_and_a_tmp_that_is_memory_in_the_guest(
    sandbox: KataSandbox, node: FakeNode
) -> None:
    del sandbox
    documents = [
        json.loads(node.ran[0].partition(f"<<'{word}'\n")[2].partition(f"\n{word}\n")[0])
        for word in ("POD", "CONTAINER")
    ]

    pod, container = documents
    assert pod["metadata"] == {"name": "boot1", "namespace": "lab", "uid": "boot1", "attempt": 0}
    assert container["image"] == {"image": "lab.local/workload:1"}
    (tmp,) = container["mounts"]
    assert tmp["container_path"] == "/tmp"  # noqa: S108 - the container's
    assert tmp["host_path"].split("/")[-2] == "kubernetes.io~empty-dir"
    assert f"mount -t tmpfs -o mode=1777 tmp {tmp['host_path']}\n" in node.ran[0]


@pytest.mark.parametrize("cell", cells_of(KATA), ids=str)
def test_every_script_of_every_cell_is_one_that_a_shell_understands(
    cell: Cell, make: Callable[[str], KataSandbox], node: FakeNode
) -> None:
    node.reply("crictl inspectp", gathered({}))
    sandbox = make(str(cell))
    sandbox.start()
    sandbox.prove()
    sandbox.drop_caches("/lab/file")
    sandbox.configuration()
    sandbox.console()
    sandbox.restart()
    sandbox.stop()

    for script in node.ran:
        if script.startswith(
            ("sh -c exec ", "ctr ")
        ):  # a command and its words, of which some are scripts
            continue
        done = subprocess.run(
            ["/bin/sh", "-n"], input=script, text=True, capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), script


def test_containerds_words_come_back_when_it_refuses(
    make: Callable[[str], KataSandbox], node: FakeNode
) -> None:
    words = (
        'E1124 07:47:50.055116 327 remote_runtime.go:237] "RunPodSandbox from runtime service'
        ' failed" err="rpc error: Invalid internetworking model: unknown"\n'
        'time="2026-11-24T07:47:50Z" level=error msg="run pod sandbox: rpc error: code = Unknown'
        ' desc = failed to create shim task: Invalid internetworking model \\"none\\": unknown"\n'
    )
    node.reply("crictl runp", completed(status=1, stderr=words))
    sandbox = make("none+virtiofs+kata-go")

    with pytest.raises(SandboxError) as caught:
        sandbox.start()
    sandbox.stop()

    assert caught.value.problem == (
        "it was refused: run pod sandbox: rpc error: code = Unknown desc = failed to create shim"
        ' task: Invalid internetworking model "none": unknown'
    )
    assert "crictl pods -q --name '^boot1$'" in node.ran[-1], "it has no id that could be told"


def test_another_failure_of_a_start_is_told_too(
    make: Callable[[str], KataSandbox], node: FakeNode
) -> None:
    node.reply("crictl runp", completed(status=1, stderr="mkfifo: File exists\n"))

    with pytest.raises(SandboxError, match="it was refused: sh failed") as caught:
        make(CELL).start()

    assert caught.value.__notes__ == ["its last words:\n  mkfifo: File exists"]


def test_a_plugin_that_fails_is_told_in_its_words(
    make: Callable[[str], KataSandbox], node: FakeNode
) -> None:
    error = '{"cniVersion": "1.0.0", "code": 100, "msg": "no veth cali1"}\n'
    answers = {"ids": f"{POD} {CONTAINER}\n", "CNI result": error, "snapshot": ""}
    node.reply("crictl runp", gathered(answers))

    with pytest.raises(SandboxError, match="no veth cali1"):
        make(CELL).start()


def test_a_program_gets_its_input_from_a_shell_in_the_container(
    sandbox: KataSandbox, node: FakeNode
) -> None:
    sandbox.run(["cat"], timeout_s=1)
    sandbox.run(["cat"], timeout_s=1, stdin="a 'line'\n")

    assert node.ran[-2].endswith('sh -c exec "$@" </dev/null sh cat')
    assert node.ran[-1].endswith('sh -c printf %s "$0" | "$@" a \'line\'\n cat')


@pytest.mark.parametrize("stdin", ["", "a\nb'\"$c\n"])
def test_that_shell_hands_output_and_exit_status_on(stdin: str, node: FakeNode) -> None:
    from lab.runtime.kata import _fed  # noqa: PLC0415 - the shell is what is tested here

    assert node.ran == []
    argv = _fed(["sh", "-c", "cat; echo err >&2; exit 3"], stdin)

    done = subprocess.run(argv, input="not this\n", capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (3, stdin, "err\n")


def test_ctr_never_sees_the_end_of_its_input(sandbox: KataSandbox, node: FakeNode) -> None:
    del sandbox

    assert "\nmkfifo /run/kata-lab/boot1/stdin\n" in node.ran[0]
    assert node.ran[1].startswith('sh -c exec "$@" <>/run/kata-lab/boot1/stdin sh ctr ')


def test_programs_have_names_of_their_own(sandbox: KataSandbox, node: FakeNode) -> None:
    sandbox.run(["true"], timeout_s=1)
    sandbox.run(["true"], timeout_s=1)

    names = [line.split()[line.split().index("--exec-id") + 1] for line in node.ran[1:]]
    assert len(set(names)) == len(names) == 3


def test_a_status_that_is_not_zero_is_an_error_or_an_answer(
    sandbox: KataSandbox, node: FakeNode
) -> None:
    node.reply(EXEC, completed(status=3, stderr="its words\n"))

    assert sandbox.run(["false"], timeout_s=1, check=False).returncode == 3
    with pytest.raises(CommandError, match=r"false exited with status 3 in tcfilter\+virtiofs"):
        sandbox.run(["false"], timeout_s=1)


def test_a_container_that_is_gone_is_no_status_of_a_program(
    sandbox: KataSandbox, node: FakeNode
) -> None:
    node.reply(EXEC, completed(status=1, stderr="ctr: ttrpc: closed: unknown\n"))

    with pytest.raises(SandboxError, match="boot1 cannot be told to run ping: ctr: ttrpc"):
        sandbox.run(["ping"], timeout_s=1, check=False)


def test_a_program_that_is_given_up_on_is_ended(sandbox: KataSandbox, node: FakeNode) -> None:
    node.reply(EXEC, CommandError("ssh was killed after 1 s", completed=completed()))

    with pytest.raises(CommandError, match="after 1 s"):
        sandbox.run(["sleep", "9"], timeout_s=1)

    killed = f"ctr -n k8s.io tasks kill --signal SIGKILL --exec-id lab-2 {CONTAINER}"
    assert node.ran[-1] == killed


def test_what_runs_beside_ends_with_its_block(sandbox: KataSandbox, node: FakeNode) -> None:
    with sandbox.background(["iperf3", "-s"], listening=5201):
        (line,) = node.beside
        assert line.endswith('exec "$@" </dev/null sh iperf3 -s')
        assert "sport = :5201" in node.ran[-1]

    assert node.beside == []
    assert "tasks kill --signal SIGKILL --exec-id lab-2 " in node.ran[-1]


def test_questions_are_asked_inside_in_one_round_trip(sandbox: KataSandbox, node: FakeNode) -> None:
    node.reply("uname -r", gathered({"kernel": "6.12\n"}))

    answers = sandbox.gather({"kernel": "uname -r", "other": "true"}, timeout_s=1)

    assert answers == {"kernel": "6.12\n", "other": ""}
    assert sandbox.guest.check_output("uname -r").endswith("6.12")


def test_memory_is_that_of_qemu_virtiofsd_and_shim(sandbox: KataSandbox, node: FakeNode) -> None:
    node.reply("smaps_rollup", "1024\n")

    assert sandbox.memory_bytes() == 1024 * 1024
    for finder in (f" -name sandbox-{POD}", f"virtiofsd .*{POD}", f" -id {POD}"):
        assert f"pgrep -f '{finder}'" in node.ran[-1]


@pytest.mark.parametrize(
    ("cell", "path"),
    [
        (CELL, f"/run/kata-containers/shared/sandboxes/{POD}/shared/{CONTAINER}/rootfs/lab/file"),
        (
            "tcfilter+virtiofs+kata-rs",
            f"/run/kata-containers/shared/sandboxes/{POD}/rw/passthrough/{CONTAINER}/rootfs/lab/file",
        ),
    ],
)
def test_the_node_forgets_a_shared_file_where_the_runtime_has_it(
    cell: str, path: str, make: Callable[[str], KataSandbox], node: FakeNode
) -> None:
    sandbox = make(cell)
    sandbox.start()

    sandbox.drop_caches("/lab/file")

    assert node.ran[-1].startswith(f"nsenter -t $(pgrep -f ' -id {POD}') -m dd of={path} ")


@pytest.mark.parametrize("runtime", ["kata-go", "kata-rs"])
def test_what_a_daemon_serves_is_told_with_its_pids_and_the_folder_of_changes(
    runtime: str, make: Callable[[str], KataSandbox], node: FakeNode
) -> None:
    options = "index=off,workdir=/snaps/7/work,upperdir=/snaps/7/fs,lowerdir=/snaps/1/fs"
    overlay = f"mount -t overlay overlay /run/kata-lab/boot1/root -o {options}\n"
    ids = {"ids": f"{POD} {CONTAINER}\n", "CNI result": CNI, "snapshot": overlay}
    node.reply("snapshots --snapshotter overlayfs mounts", gathered(ids))
    served, disk = make(f"tcfilter+virtiofs+{runtime}"), make(f"tcfilter+devmapper+{runtime}")
    served.start()
    disk.start()

    share = served.share()

    assert share is not None
    assert share.changes == "/snaps/7/fs"
    assert share.daemon == f"$(pgrep -f 'virtiofsd .*{POD}')"
    assert disk.share() is None


def test_a_restart_keeps_the_root_file_system(sandbox: KataSandbox, node: FakeNode) -> None:
    node.ran.clear()

    sandbox.restart()

    sync, keep, end, start, _ = node.ran
    assert sync.endswith(" sync")
    assert keep.index("crictl stopp") < keep.index(
        f"snapshots --snapshotter overlayfs commit boot1-kept-0 {CONTAINER}\n"
    )
    assert "crictl rmp -f" in end
    places = [
        start.index(line)
        for line in (
            "container=$(crictl create",
            "ctr -n k8s.io snapshots --snapshotter overlayfs rm $container\n",
            "ctr -n k8s.io snapshots --snapshotter overlayfs prepare $container boot1-kept-0\n",
            "crictl start $container",
        )
    ]
    assert places == sorted(places)
    assert '"attempt": 1' in start


def test_what_restarts_have_kept_goes_with_the_last_pod(
    sandbox: KataSandbox, node: FakeNode
) -> None:
    sandbox.restart()
    sandbox.restart()

    sandbox.stop()

    end = node.ran[-1]
    rm = "ctr -n k8s.io snapshots --snapshotter overlayfs rm boot1-kept-"
    assert end.index("crictl rmp") < end.index(f"{rm}1\n") < end.index(f"{rm}0\n")


def test_what_is_left_is_an_error(sandbox: KataSandbox, node: FakeNode) -> None:
    left = f"left: /run/vc/sbs/{POD} 812 /opt/kata/bin/containerd-shim-kata-v2 -id {POD}\n"
    node.reply("printf 'left: '", completed(stdout=left, stderr="crictl: no answer\n"))

    with pytest.raises(SandboxError, match=f"boot1 left /run/vc/sbs/{POD} 812 .* no answer"):
        sandbox.stop()


def test_the_leftovers_script_says_what_is_there(
    sandbox: KataSandbox, node: FakeNode, tmp_path: Path
) -> None:
    sandbox.stop()
    (tmp_path / "run/vc/sbs" / POD).mkdir(parents=True)
    script = node.ran[-1][node.ran[-1].index("printf 'left: '") :]
    script = script.replace("/run/", f"{tmp_path}/run/").replace("pgrep", "echo")
    script = script.replace("sleep 0.1", ":")  # what it shows does not end by itself

    done = subprocess.run(["/bin/sh"], input=script, capture_output=True, text=True, check=True)

    assert done.stdout.startswith(f"left: {tmp_path}/run/vc/sbs/{POD} ")
    assert "sandboxes" not in done.stdout


def test_what_was_never_started_has_no_evidence(make: Callable[[str], KataSandbox]) -> None:
    with pytest.raises(SandboxError, match="was never started"):
        make(CELL).prove()


def test_the_configuration_is_what_the_shim_reads_and_makes_of_it(
    sandbox: KataSandbox, node: FakeNode
) -> None:
    answers = {"configuration.toml": "base\n", "config.d.toml": "drop-ins\n", "env.json": ""}
    node.reply("env --json", gathered(answers))

    kept = sandbox.configuration()

    assert kept == {"configuration.toml": "base\n", "config.d.toml": "drop-ins\n"}
    assert "cat /etc/kata-lab/tcfilter-virtiofs-kata-go/configuration.toml\n" in node.ran[-1]


class TestEvidence:
    """What proves that it is Kata's."""

    HANDLER = Handler(cell=Cell.parse(CELL), release=release_of(KATA[0]))
    INSPECTED = json.dumps(
        {
            "status": {"runtimeHandler": HANDLER.name},
            "info": {"runtimeType": f"io.containerd.{HANDLER.name}.v2"},
        }
    )
    SHIM = "/opt/lab-artefacts/kata-go-3.28.0/bin/containerd-shim-kata-v2\n"
    ANSWERS = {  # noqa: RUF012 - nobody changes it
        kata_evidence.INSPECTED: INSPECTED,
        kata_evidence.SHIM: SHIM,
        kata_evidence.RELEASED_SHIM: SHIM,
        kata_evidence.NODE_BOOT: "d88785ab-8241-40e9-8af7-afccf8a8393b\n",
        kata_evidence.GUEST_BOOT: "11111111-2222-3333-4444-555555555555\n",
    }

    def broken(self, **changes: str) -> set[str]:
        answers = {**self.ANSWERS, **{name.replace("_", " "): t for name, t in changes.items()}}
        return broken(kata_evidence.facts(self.HANDLER, answers))

    def test_kata_holds(self) -> None:
        assert self.broken() == set()

    def test_a_handler_that_falls_back_to_runc_is_found_out_three_times(self) -> None:
        answers = {
            **self.ANSWERS,
            kata_evidence.INSPECTED: json.dumps(
                {
                    "status": {"runtimeHandler": self.HANDLER.name},
                    "info": {"runtimeType": "io.containerd.runc.v2"},
                }
            ),
            kata_evidence.SHIM: "/usr/bin/containerd-shim-runc-v2\n",
            kata_evidence.GUEST_BOOT: self.ANSWERS[kata_evidence.NODE_BOOT],
        }

        assert broken(kata_evidence.facts(self.HANDLER, answers)) == kata_evidence.IDENTITY

    @pytest.mark.parametrize("text", ["", "[]", "null", '{"status": null, "info": null}', "no pod"])
    def test_a_pod_that_is_gone_has_no_handler(self, text: str) -> None:
        answers = {**self.ANSWERS, kata_evidence.INSPECTED: text}

        assert broken(kata_evidence.facts(self.HANDLER, answers)) == {kata_evidence.HANDLER_FACT}

    @pytest.mark.parametrize(
        "text",
        ["", "/usr/bin/containerd-shim-kata-v2\n", SHIM + "/usr/bin/containerd-shim-runc-v2\n"],
        ids=["none", "another release", "two"],
    )
    def test_the_shim_is_the_releases_and_nobody_elses(self, text: str) -> None:
        answers = {**self.ANSWERS, kata_evidence.SHIM: text}

        assert broken(kata_evidence.facts(self.HANDLER, answers)) == {kata_evidence.SHIM_FACT}

    def test_a_release_that_is_not_there_proves_nothing(self) -> None:
        answers = {**self.ANSWERS, kata_evidence.SHIM: "", kata_evidence.RELEASED_SHIM: "\n"}

        assert broken(kata_evidence.facts(self.HANDLER, answers)) == {kata_evidence.SHIM_FACT}

    @pytest.mark.parametrize("question", [kata_evidence.NODE_BOOT, kata_evidence.GUEST_BOOT])
    def test_a_kernel_that_does_not_answer_proves_nothing(self, question: str) -> None:
        answers = {**self.ANSWERS, question: ""}

        assert broken(kata_evidence.facts(self.HANDLER, answers)) == {kata_evidence.KERNEL_FACT}

    def test_both_runtimes_ways_to_write_an_option_are_one(self) -> None:
        read = kata_evidence.in_one_spelling({DAEMON: "virtiofsd --shared-dir /x --cache auto\n"})

        assert read == {DAEMON: "virtiofsd --shared-dir=/x --cache auto\n"}
        assert kata_evidence.in_one_spelling({"other": "x"}) == {"other": "x"}
