"""
All that reads what the lab did not write itself: a line for each, with what it is fed.

A parser that is not here fails tests/fuzz/test_table.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from lab import (
    cost,
    counted,
    expectations,
    handicap,
    labs,
    lease,
    ledger,
    loader,
    matrix,
    node,
    options,
    owner,
    processes,
    run,
    run_files,
    shards,
    store,
)
from lab.analysis import from_json
from lab.cluster import (
    calico,
    cri_pod,
    diagnosis,
    documents,
    kubeadm,
    pod_state,
    state,
    suite_report,
)
from lab.cluster.artefacts import bundle, lock, oci, published, references, skopeo, wanted
from lab.cluster.artefacts import cache as artefact_cache
from lab.history import index, known
from lab.history.index import read_night
from lab.image import build, debs, elf, kernel, rootfs
from lab.image import lock as image_lock
from lab.matrix import Cell, Runtime
from lab.network import model, tcfilter
from lab.network import pod as network_pod
from lab.places import TOPOLOGIES as SHIPPED
from lab.report import reports
from lab.report.path import reading
from lab.runtime import cri, guest_agent, kata_evidence, runc_pod, setting, vmexits
from lab.storage import backend
from lab.tools import (
    beside,
    conditions,
    fio_json,
    fio_report,
    iperf3_report,
    output,
    ping,
    sockperf,
    tcpdump,
)
from lab.virt import domain, memory, xml
from tests.cluster import recorded, specimens
from tests.cluster.artefacts import test_bundle
from tests.cluster.artefacts import test_lock as artefact_samples
from tests.fake_run import CREATED
from tests.fuzz import feeding
from tests.fuzz.feeding import at_home, finite, in_file, tar
from tests.fuzz.strategies import (
    DATA,
    answers,
    binaries,
    by_kind,
    captured,
    files,
    json_texts,
    texts,
)
from tests.history import test_index, test_known
from tests.image import test_debs, test_elf, test_kernel
from tests.image import test_lock as image_samples
from tests.runtime import fake_node, test_kata

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Feed = Callable[[Any], object]


@dataclass(frozen=True)
class Target:
    """A reader, what it is fed, and how that is handed to it."""

    reader: Callable[..., object]
    inputs: SearchStrategy[Any]
    feed: Feed
    covers: tuple[Callable[..., object], ...]
    """What is read through besides."""

    @property
    def name(self) -> str:
        """The reader's whole name."""
        return f"{self.reader.__module__}.{self.reader.__qualname__}"


def target(
    reader: Callable[..., object],
    inputs: SearchStrategy[Any],
    feed: Feed | None = None,
    *covers: Callable[..., object],
) -> Target:
    """A line of the table; without *feed*, the reader is called with its input alone."""
    return Target(reader, inputs, feed or reader, covers)


IPERF3, FIO = captured("iperf3/*.json"), captured("fio/*.json")
SOCKPERF, TCPDUMP = captured("sockperf/*.txt"), captured("tcpdump/*.out")
PING, NOISE = captured("ping/*.out"), captured("noise/*.txt")
EXPECTATIONS = expectations.EXPECTATIONS_FILE.read_text()
TOPOLOGIES = tuple(path.read_text() for path in sorted(SHIPPED.glob("*.toml")))
IMAGE_LOCK = image_lock.render(image_samples.whole())
ARTEFACT_LOCKS = tuple(map(lock.render, (artefact_samples.WHOLE, artefact_samples.LOCAL)))
LOADED = f"iperf\n{beside._FRAME}running, sent 2000000 bytes\n"
READING = "tcpdump: reading from file capture"

LEDGER = '{"kind":"domain","name":"lab-a","where":"qemu:///system"}\n' * 3
LAB = (
    '{"id":"lab-a","topology":"embedded","accelerator":"tcg","uri":"qemu:///system","nodes":'
    '[{"name":"node-1","domain":"lab-a-node-1","console":"/c","sockets":"/s"}],"owner_pid":1,'
    '"created":"2026-11-24T12:00:00+00:00"}'
)
NIGHT = msgspec.json.encode(test_index.NIGHT_TOLD).decode()
HISTORY = feeding.index_of_run()
MARK = msgspec.json.encode(labs.Mark(owner=owner.me(), home="/h", lab="lab-a")).decode()
CLAIM = msgspec.json.encode(
    lease.Claim(number=17, owner=owner.me(), user="u", is_alone=True, doing="x", asked=CREATED)
).decode()
DOMAIN = (DATA / "domain" / "kvm.xml").read_text()
IMAGES = json.dumps(dict.fromkeys(("node", "guest", "workload"), "a" * 64)
                    | dict.fromkeys(("kernel_release", "reference", "layer"), "x"))  # fmt: skip
GUEST = (
    '{"return": {"pid": 42}}\n{"return": {"exited": false}}\n'
    '{"return": {"exited": true, "exitcode": 0, "out-data": "aGk="}}\n{"return": {}}\n'
)
CAPABILITIES = (
    "<capabilities><host><secmodel><model>apparmor</model></secmodel>"
    "<secmodel><model>dac</model><doi>0</doi><baselabel type='kvm'>+64055:+64055</baselabel>"
    "</secmodel></host></capabilities>"
)
INDEX = {
    "manifests": [
        {
            "digest": f"sha256:{'a' * 64}",
            "annotations": {oci.CONTAINERD_NAME: "registry.k8s.io/pause:3.10.2"},
        }
    ]
}
PLATFORMS = json.dumps(
    {"manifests": [{"digest": f"sha256:{'a' * 64}", "platform": msgspec.to_builtins(skopeo.OURS)}]}
)
BUNDLE = tar(
    {bundle.LOCK_NAME: lock.render(test_bundle.KNOWN).encode()}
    | {test_bundle.SHA256[name]: data for name, data in test_bundle.DATA.items()}
)
ROOT = tar({"./usr/bin/env": b"code", "./etc/hostname": b"", "./usr/lib/libz.so.1": b"z" * 600})
SUM = f"{'a' * 64}  kubeadm\n{'b' * 64} *./bin/kubelet\n"
MANIFEST = (specimens.DATA / "calico.yaml").read_text()
MODULES = {"dependencies": test_kernel.DEPENDENCIES, "builtin": test_kernel.BUILTIN}
HANDLER = specimens.handler("tcfilter+virtiofs+kata-go")
RUNC_HANDLER = specimens.handler("veth+overlayfs+runc")
RUNC_POD: dict[str, str] = recorded.data("evidence-runc-pod.json")
KATA = {
    kata_evidence.INSPECTED: recorded.text("crictl-inspectp.json"),
    kata_evidence.SHIM: "/opt/kata/bin/containerd-shim-kata-v2\n",
    kata_evidence.RELEASED_SHIM: "/opt/kata/bin/containerd-shim-kata-v2\n",
    kata_evidence.NODE_BOOT: "1\n",
    kata_evidence.GUEST_BOOT: "2\n",
}
BUCKET = '[{"kind":"tbf","handle":"8001:","root":true,"options":{"rate":25000000,"burst":65536}}]'
OPTIONS = {option.name: option.default or (*option.choices, "5")[0] for option in options.OPTIONS}
OPTIONS["lab_budget"] = "1h30m"
CRITEST = captured("critest/*.xml")

TARGETS = (
    # What tools print.
    target(iperf3_report.parse_tcp, json_texts(*IPERF3), finite(iperf3_report.parse_tcp)),
    target(iperf3_report.parse_udp, json_texts(*IPERF3), finite(iperf3_report.parse_udp)),
    target(fio_report.parse, json_texts(*FIO), finite(fio_report.parse)),
    target(fio_report.parse_write, json_texts(*FIO)),
    target(fio_report.parse_verify, json_texts(*FIO), None, fio_json.decoded),
    target(
        output.decode,
        json_texts(*FIO),
        lambda text: output.decode(text, fio_json.Report, tool="fio"),
    ),
    target(sockperf.parse, texts(*SOCKPERF), finite(partial(sockperf.parse, duration_s=1))),
    target(ping.parse, texts(*PING), finite(partial(ping.parse, stderr=""))),
    target(tcpdump.parse, texts(*TCPDUMP), partial(tcpdump.parse, stderr=READING)),
    target(beside.probed, texts(LOADED)),
    target(counted.parse, texts(*NOISE), finite(feeding.compare_noise), processes.parse),
    target(
        cost.threads,
        texts(f"91 (vhost-90) S {'1 ' * 40}"),
        lambda text: cost.threads({"/proc/90/task/91/stat": [text]}),
    ),
    target(conditions.conditions, json_texts(*IPERF3, *FIO)),
    target(handicap._rate_bps, json_texts(BUCKET)),
    target(
        memory.parse,
        json_texts('{"return":{"status":"active"}}', '{"error":{"class":"E","desc":"no"}}'),
        partial(memory.parse, asked="migrate of node-1"),
    ),
    target(vmexits.parse, texts("10 2\n4000 30\n0\n")),
    target(
        suite_report.summarise,
        texts(*CRITEST),
        partial(
            suite_report.summarise, suite_report.CRITEST, handler="kata", runtime=Runtime.KATA_GO
        ),
    ),
    # What people write, and what is locked.
    target(
        loader.load_topology,
        files(texts(*TOPOLOGIES)),
        in_file(lambda path: loader.load_topology(str(path)), "x.toml"),
    ),
    target(expectations.load, files(texts(EXPECTATIONS)), in_file(expectations.load)),
    target(image_lock.load, files(texts(IMAGE_LOCK)), in_file(image_lock.load)),
    target(image_lock.parse_answer, texts(image_samples.answer())),
    target(
        lock.load, files(texts(*ARTEFACT_LOCKS)), in_file(lock.load), lock.parse, lock.load_official
    ),
    target(wanted.load, files(texts(wanted.WANTED_FILE.read_text())), in_file(wanted.load)),
    target(known.load, files(texts(test_known.GOOD)), in_file(known.load)),
    target(matrix.select, texts("tcfilter+*+reference,veth+overlayfs+runc+twin")),
    target(shards.Shard.parse, texts("2/3")),
    target(Cell.parse, texts("tcfilter+virtiofs+reference+handicap")),
    target(
        options.Wishes.read, answers(OPTIONS, texts), lambda said: options.Wishes.read(said.get)
    ),
    # What the lab itself has left behind.
    target(
        run.Run.load,
        feeding.damaged_runs(),
        feeding.read_run,
        run_files.read_header,
        run_files.read_lines,
        run_files.read_optional,
        run_files.decode,
    ),
    target(
        store.Store.add_evidence,
        files(json_texts(feeding.evidence_of_run())),
        feeding.add_evidence,
    ),
    target(ledger.Ledger.newest_first, files(texts(LEDGER)), in_file(feeding.undo_order)),
    target(
        labs.records,
        files(json_texts(LAB)),
        at_home(feeding.list_labs, "labs/lab-a/lab.json"),
        labs.read_record,
    ),
    target(read_night, files(json_texts(NIGHT)), in_file(feeding.read_night, index.NIGHT)),
    target(index._kept, files(texts(HISTORY)), in_file(index._kept)),
    target(reports.read, json_texts(*IPERF3, *FIO, *SOCKPERF), feeding.draw_report),
    target(labs.Mark.read, files(json_texts(MARK)), in_file(feeding.read_mark, labs.OWNER)),
    target(owner.Owner.parse, texts(owner.me().id), None, owner.marked),
    target(lease._read, files(json_texts(CLAIM)), at_home(feeding.list_claims, "17.json")),
    target(from_json, files(json_texts(feeding.analysis_of_run()))),
    target(
        build._recorded,
        files(json_texts(IMAGES)),
        in_file(lambda path: build._recorded(path, path.parent)),
    ),
    # What guests, nodes and clusters answer.
    target(guest_agent.GuestAgent.run, files(texts(GUEST)), feeding.speak),
    target(network_pod.pod_of, json_texts(test_kata.CNI), partial(network_pod.pod_of, "boot1")),
    target(network_pod.namespace_of, json_texts(test_kata.CNI)),
    target(model.Namespace, feeding.sandboxes(), feeding.prove, tcfilter.redirected_packets),
    target(backend.volume_of, texts(*test_kata.MOUNTS.values()), feeding.read_volume),
    target(reading.Reading, feeding.sandboxes(), feeding.draw_path),
    target(
        kata_evidence.facts,
        answers(KATA, by_kind),
        lambda said: list(kata_evidence.facts(HANDLER, said)),
    ),
    target(
        runc_pod.facts,
        answers(RUNC_POD, by_kind),
        lambda said: runc_pod.facts(
            RUNC_HANDLER, cri_pod.pod_of(recorded.text("crictl-inspectp.json")), "c", said
        ),
    ),
    target(cri.refused, texts('level=fatal msg="no such \\"handler\\""\n'), feeding.read_refusal),
    target(cri_pod.pod_of, json_texts(recorded.text("crictl-inspectp.json"))),
    target(
        pod_state.read,
        json_texts(recorded.text("pods-and-events.json")),
        partial(pod_state.read, name="boot0"),
    ),
    target(
        state.lacks,
        json_texts(recorded.text("nodes-and-pods.json")),
        partial(state.lacks, booted=f"{recorded.BOOTED}\n", nodes=1, components=diagnosis.OWN),
    ),
    target(
        diagnosis.find,
        json_texts(recorded.text("crictl-ps.json")),
        partial(diagnosis.find, "active\n"),
    ),
    target(node.parse_gathered, texts(fake_node.gathered({"ids": "a b\n", "mounts": "/\n"}))),
    target(xml.ownership, texts(DOMAIN)),
    target(domain.confined_by, texts(CAPABILITIES), feeding.read_capabilities),
    target(kubeadm.Invitation.read, texts(specimens.SAID)),
    target(setting.pss_bytes, texts("123456\n")),
    # What upstreams publish, and archives.
    target(
        documents.read,
        texts(MANIFEST),
        lambda text: calico.images(calico.patched(documents.read(text, name="x"))),
    ),
    target(references.of_manifest, texts(MANIFEST), partial(references.of_manifest, name="x")),
    target(published.parse, texts(SUM, "a" * 64), partial(published.parse, file="kubeadm")),
    target(skopeo.digest_of, json_texts(PLATFORMS), feeding.ask_registry),
    target(
        oci.describe,
        binaries(tar({"index.json": json.dumps(INDEX).encode()})),
        in_file(oci.describe),
    ),
    target(
        oci._decoded,
        files(json_texts(json.dumps(INDEX))),
        lambda raw: in_file(oci.describe)(tar({"index.json": raw})),
    ),
    target(bundle.take_in, binaries(BUNDLE), in_file(feeding.take_in)),
    target(
        artefact_cache._member,
        binaries(tar({"./crictl": b"code" * 100}, mode="w:gz")),
        in_file(lambda path: artefact_cache._member(path, "crictl")),
    ),
    target(debs.control, binaries(test_debs.deb()), in_file(debs.control)),
    target(rootfs.opened, binaries(ROOT), in_file(feeding.read_archive)),
    target(
        elf.without_libraries,
        binaries(test_elf.program()),
        lambda raw: elf.without_libraries(raw, {"libtwo.so.2"}),
    ),
    target(elf.needed, binaries(test_elf.program())),
    target(kernel.compressed_payload, binaries(test_kernel.bzimage(kernel.ZSTD_MAGIC + b"frame"))),
    target(
        kernel.load_order,
        answers(MODULES, texts),
        lambda said: kernel.load_order(("ext4",), **said),
    ),
)
"""By subject."""
