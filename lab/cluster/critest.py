"""
critest on a node without Kubernetes: upstream's own tests of the CRI, against one handler.

A node reaches no network. So critest's images are made on the node, of its busybox, and its pods
get addresses that nobody has chosen for them. What it cannot do without a network is left out, by
name (:mod:`lab.cluster.suite_report`).

Source: cri-tools 1.36, cmd/critest and pkg/framework. Its own ``-report-dir`` writes nothing any
more: the report is ginkgo's.
"""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.cluster.cri_node import PODS, import_line
from lab.cluster.suite_report import CRITEST as SUITE
from lab.network.pod import MTU_BYTES
from lab.runtime.pods import PLUGIN, PLUGINS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.matrix import Runtime
    from lab.storage.backend import Snapshotter

CRITEST = "critest"
FOLDER = "/var/lib/kata-lab/critest"
PROGRAM = f"{FOLDER}/{CRITEST}"
IMAGE = "lab.local/critest:1"
"""What most tests start: as upstream's, it has no more than busybox."""
WEB_IMAGE = "lab.local/critest-web:1"
"""The same, whose containers answer HTTP by themselves."""
FROM_NODE = ("ipcs", "pgrep")
"""What tests run and Debian's busybox does not have: the node's own."""
SUITE_TIMEOUT_S = 4 * 3600
SERVICE_TIMEOUT_S = 600
"""As crictl's, on the lab's nodes."""
PUT = f"mkdir -p {FOLDER} && base64 -d | gunzip >{PROGRAM} && chmod 755 {PROGRAM}"
"""The shell line that puts critest on the node, from its input: :func:`program_text`."""
CLEAN_UP = """\
pkill -KILL -x critest || :
timeout 600 crictl rmp -af >/dev/null 2>&1 || :
"""
"""Ends a critest that was given up on, too: it would go on beside the next one."""

_WEB_COMMAND = ["httpd", "-f", "-p", "80", "-h", "/www"]
_FIRST_ADDRESS = "10.192.200.1"
_PLUGIN = f"{PLUGINS}/{PLUGIN}"

GIVE_ADDRESSES = f"""\
[ -e {_PLUGIN}.told ] || mv {_PLUGIN} {_PLUGIN}.told
cat >{_PLUGIN} <<'PLUGIN'
#!/bin/sh
# Says what a pod is to have that nobody has announced: the next address, from {_FIRST_ADDRESS} on.
set -eu
pod=$(printf '%s\\n' "${{CNI_ARGS:-}}" | tr ';' '\\n' | sed -n 's/^K8S_POD_NAME=//p')
case $CNI_COMMAND in
ADD)
    exec 9>>{PODS}/.count
    flock 9
    number=$(wc -c <{PODS}/.count)
    printf . >&9
    exec 9>&-
    address=10.192.$((200 + number / 250)).$((number % 250 + 1))
    echo "IP=$address/32;MTU={MTU_BYTES}" >"{PODS}/$pod" ;;
DEL) rm -f "{PODS}/$pod" "{PODS}/$pod.result" ;;
esac
exec {_PLUGIN}.told
PLUGIN
chmod 755 {_PLUGIN}
"""
"""The lab's CNI plugin, for pods whose names only critest knows."""

MAKE_ROOT = f"""\
mkdir -p {FOLDER}
cd {FOLDER}
rm -rf root
for folder in bin etc dev proc sys root tmp var/run www; do mkdir -p root/$folder; done
chmod 1777 root/tmp
echo works >root/www/index.html
printf '%s\\n' root:x:0:0:root:/root:/bin/sh nobody:x:65534:65534::/:/bin/false >root/etc/passwd
printf '%s\\n' root:x:0: nogroup:x:65534: >root/etc/group
cp $(command -v busybox) root/bin/busybox
for applet in $(busybox --list); do
[ "$applet" = busybox ] || ln root/bin/busybox "root/bin/$applet"
done
for program in {" ".join(FROM_NODE)}; do
path=$(command -v $program) || continue
rm -f root/bin/$program
cp $path root/bin/$program
for library in $(ldd $path | grep -o '/[^ ]*'); do
mkdir -p root${{library%/*}}
cp -L $library root$library
done
done
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -C root -cf layer.tar .
layer=$(sha256sum layer.tar | cut -d' ' -f1)
"""
"""Hard links, not symbolic ones: a test masks /bin/ls, and must not mask all that busybox is."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is tested: one of containerd's handlers."""

    handler: str
    runtime: Runtime
    snapshotter: Snapshotter


def program_text(program: bytes) -> str:
    """The *program* as a text, which :data:`PUT` reads."""
    return base64.encodebytes(gzip.compress(program, mtime=0)).decode()


def setup_script(snapshotters: Iterable[Snapshotter]) -> str:
    """The shell script that makes a node ready: its images, its addresses."""
    images = {"image": (IMAGE, ["sh"]), "web": (WEB_IMAGE, _WEB_COMMAND)}
    configs = "".join(
        f"cat >{name}.json <<CONFIG\n{_config(command)}\nCONFIG\n"
        for name, (_, command) in images.items()
    )
    manifest = [
        {"Config": f"{name}.json", "RepoTags": [reference], "Layers": ["layer.tar"]}
        for name, (reference, _) in images.items()
    ]
    named = {"defaultTestContainerImage": IMAGE, "webServerTestImage": WEB_IMAGE}
    return (
        MAKE_ROOT
        + configs
        + f"cat >manifest.json <<'MANIFEST'\n{json.dumps(manifest)}\nMANIFEST\n"
        + f"cat >images.yaml <<'IMAGES'\n{json.dumps(named)}\nIMAGES\n"  # JSON is YAML too
        + "tar -cf images.tar manifest.json image.json web.json layer.tar\n"
        + "".join(
            import_line(f"{FOLDER}/images.tar", snapshotter)
            for snapshotter in sorted(set(snapshotters))
        )
        # containerd copies it into each pod that has no wish of its own.
        + "[ -e /etc/resolv.conf ] || : >/etc/resolv.conf\n"
        + GIVE_ADDRESSES
    )


def report_path(handler: str) -> str:
    """Where on the node the report on *handler* is."""
    return f"{FOLDER}/{handler}.xml"


def arguments(handler: str, *, seed: int, focus: str | None = None) -> list[str]:
    """
    critest's command line.

    Args:
        seed: Of the order of the tests.
        focus: A regular expression: only tests whose name has a match are run.
    """
    return [
        PROGRAM,
        "-runtime-endpoint=unix:///run/containerd/containerd.sock",
        f"-runtime-service-timeout={SERVICE_TIMEOUT_S}s",
        f"-runtime-handler={handler}",
        f"-test-images-file={FOLDER}/images.yaml",
        f"-ginkgo.seed={seed}",
        "-ginkgo.no-color",
        f"-ginkgo.timeout={SUITE_TIMEOUT_S}s",
        f"-ginkgo.junit-report={report_path(handler)}",
        *(f"-ginkgo.skip={left.pattern}" for left in SUITE.left_out),
        *([f"-ginkgo.focus={focus}"] if focus else []),
    ]


def _config(command: list[str]) -> str:
    """An image's configuration; the shell fills the layer's digest in."""
    return json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Env": ["PATH=/bin"], "Cmd": command},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:$layer"]},
        }
    )
