"""Each fact of each internetworking model, on real answers and on tampered ones."""

from __future__ import annotations

import pytest

from lab.matrix import GUEST_NETWORKS, Network
from lab.network import MODELS
from lab.network.bridge import BRIDGE, PORTS
from lab.network.l3forwarding import FORWARDING
from lab.network.l3forwarding import ROUTE as WAY
from lab.network.model import ADDRESSES, LINKS, QDISCS, filters
from lab.network.none import ROUTE, TAP_LINK
from lab.network.pod import INTERFACE, TAP
from lab.network.tcfilter import redirected_packets
from tests.evidence import (
    LOST,
    Answers,
    Captured,
    Change,
    added,
    answered,
    broken,
    captured,
    edited,
    replaced,
    without,
)

CELLS = {
    cell.cell.network: cell
    for cell in map(
        captured,
        (
            "tcfilter+virtiofs+reference",
            "macvtap+devmapper+reference",
            "none+devmapper+reference",
            "bridge+devmapper-blk+reference",
            "l3forwarding+pmem-dax+reference",
        ),
    )
}
FOREIGN_MAC = "02:00:00:00:00:01"
NO_ADDRESS: list[object] = []
POD_ADDRESS = {"family": "inet", "local": "10.192.181.57", "prefixlen": 32}
KIND = "linkinfo/info_kind"
MODE = "linkinfo/info_data/mode"
TYPE = "linkinfo/info_data/type"
INGRESS = {"kind": "ingress", "handle": "ffff:", "dev": INTERFACE, "parent": "ffff:fff1"}

KIND_OF_TAP = f"kind of {TAP}"
MTU_OF_TAP = f"MTU of {TAP}"
MAC_OF_TAP = f"MAC of {TAP}"
MAC_OF_POD = f"MAC of {INTERFACE}"
ADDRESS = f"IPv4 address of {INTERFACE}"
IN, OUT = f"redirect of {INTERFACE} to {TAP}", f"redirect of {TAP} to {INTERFACE}"
NO_INGRESS = f"ingress qdisc of {INTERFACE}"
DEVICES = "devices in the pod's namespace"

CASES: dict[Network, dict[str, tuple[Change, set[str]]]] = {
    Network.TCFILTER: {
        "no tap": (without(LINKS, ifname=TAP), {KIND_OF_TAP, MTU_OF_TAP}),
        "tap of layer 3": (edited(LINKS, TAP, TYPE, "tun"), {KIND_OF_TAP}),
        "macvtap instead": (edited(LINKS, TAP, KIND, "macvtap"), {KIND_OF_TAP}),
        "tap's own MTU": (edited(LINKS, TAP, "mtu", 1500), {MTU_OF_TAP}),
        "address taken": (edited(ADDRESSES, INTERFACE, "addr_info", NO_ADDRESS), {ADDRESS}),
        "other address": (replaced(ADDRESSES, '"10.192.181.56"', '"10.192.181.5"'), {ADDRESS}),
        "other mask": (replaced(ADDRESSES, '"prefixlen":32', '"prefixlen":24'), {ADDRESS}),
        "MAC moved": (edited(LINKS, INTERFACE, "address", FOREIGN_MAC), {MAC_OF_POD}),
        "no eth0": (without(LINKS, ifname=INTERFACE), {MAC_OF_POD}),
        "no ingress qdisc on eth0": (
            without(QDISCS, kind="ingress", dev=INTERFACE),
            {f"ingress qdisc of {INTERFACE}"},
        ),
        "no ingress qdisc on the tap": (
            without(QDISCS, kind="ingress", dev=TAP),
            {f"ingress qdisc of {TAP}"},
        ),
        "no filter on eth0": (answered(filters(INTERFACE), ""), {IN}),
        "no filter on the tap": (answered(filters(TAP), "\n"), {OUT}),
        "counters not shown": (replaced(filters(TAP), "Sent ", "sent "), {OUT}),
        "mirrored, not redirected": (replaced(filters(INTERFACE), "Redirect", "Mirror"), {IN}),
        "redirected to itself": (
            replaced(filters(INTERFACE), f"device {TAP}", f"device {INTERFACE}"),
            {IN},
        ),
        "matched by bpf": (replaced(filters(TAP), "u32", "bpf"), {OUT}),
    },
    Network.MACVTAP: {
        "no macvtap": (without(LINKS, ifname=TAP), {KIND_OF_TAP, MTU_OF_TAP, MAC_OF_TAP}),
        "private mode": (edited(LINKS, TAP, MODE, "private"), {KIND_OF_TAP}),
        "tap instead": (edited(LINKS, TAP, KIND, "tun"), {KIND_OF_TAP}),
        "its own MTU": (edited(LINKS, TAP, "mtu", 1500), {MTU_OF_TAP}),
        "MAC not moved": (edited(LINKS, TAP, "address", FOREIGN_MAC), {MAC_OF_TAP}),
        "MAC on both": (
            edited(LINKS, INTERFACE, "address", CELLS[Network.MACVTAP].pod.mac),
            {MAC_OF_POD},
        ),
        "no eth0": (without(LINKS, ifname=INTERFACE), {MAC_OF_POD}),
        "eth0 kept its address": (
            edited(ADDRESSES, INTERFACE, "addr_info", [POD_ADDRESS]),
            {ADDRESS},
        ),
        "eth0's addresses unknown": (without(ADDRESSES, ifname=INTERFACE), {ADDRESS}),
        "tcfilter's qdisc left": (added(QDISCS, INGRESS), {NO_INGRESS}),
        "eth0's qdiscs unknown": (without(QDISCS, dev=INTERFACE), {NO_INGRESS}),
    },
    Network.NONE: {
        "a veth": (added(LINKS, {"ifname": INTERFACE, "mtu": 1440}), {DEVICES}),
        "the tap in the namespace": (added(LINKS, {"ifname": TAP, "mtu": 1440}), {DEVICES}),
        "not even a loopback": (without(LINKS, ifname="lo"), {DEVICES}),
        "no tap on the node": (
            answered(TAP_LINK, f'Device "{TAP}" does not exist.\n'),
            {KIND_OF_TAP, MTU_OF_TAP},
        ),
        "a veth of that name": (edited(TAP_LINK, TAP, KIND, "veth"), {KIND_OF_TAP}),
        "its own MTU": (edited(TAP_LINK, TAP, "mtu", 1500), {MTU_OF_TAP}),
        "no route": (answered(ROUTE, ""), {"route to the guest"}),
        "route elsewhere": (replaced(ROUTE, f"dev {TAP}", "dev cali1234"), {"route to the guest"}),
    },
    Network.BRIDGE: {
        "no bridge": (without(LINKS, ifname=BRIDGE), {f"kind of {BRIDGE}"}),
        "a bond instead": (edited(LINKS, BRIDGE, KIND, "bond"), {f"kind of {BRIDGE}"}),
        "no tap": (without(LINKS, ifname=TAP), {KIND_OF_TAP, MTU_OF_TAP}),
        "tap's own MTU": (edited(LINKS, TAP, "mtu", 1500), {MTU_OF_TAP}),
        "eth0 kept its address": (
            edited(ADDRESSES, INTERFACE, "addr_info", [POD_ADDRESS]),
            {ADDRESS},
        ),
        "eth0 kept the MAC": (
            edited(LINKS, INTERFACE, "address", CELLS[Network.BRIDGE].pod.mac),
            {MAC_OF_POD},
        ),
        "eth0 is no port": (replaced(PORTS, "2: eth0", "2: eth1"), {f"eth0 as a port of {BRIDGE}"}),
        "tap is no port": (replaced(PORTS, TAP, "tap1_kata"), {f"{TAP} as a port of {BRIDGE}"}),
        "ports of another bridge": (
            replaced(PORTS, BRIDGE, "br1_kata"),
            {f"eth0 as a port of {BRIDGE}", f"{TAP} as a port of {BRIDGE}"},
        ),
        "still learning": (
            replaced(PORTS, "state forwarding", "state learning"),
            {f"eth0 as a port of {BRIDGE}", f"{TAP} as a port of {BRIDGE}"},
        ),
    },
    Network.L3FORWARDING: {
        "no tap": (without(LINKS, ifname=TAP), {KIND_OF_TAP, MTU_OF_TAP}),
        "tap's own MTU": (edited(LINKS, TAP, "mtu", 1500), {MTU_OF_TAP}),
        "MAC moved": (edited(LINKS, INTERFACE, "address", FOREIGN_MAC), {MAC_OF_POD}),
        "address taken": (edited(ADDRESSES, INTERFACE, "addr_info", NO_ADDRESS), {ADDRESS}),
        "tcfilter's qdisc": (added(QDISCS, INGRESS), {NO_INGRESS}),
        "does not forward": (answered(FORWARDING, "0\n"), {"packets are forwarded"}),
        "pod is local": (
            answered(
                WAY, "local 10.192.181.56 dev lo src 10.192.181.56 uid 0\n    cache <local>\n"
            ),
            {"way to the guest"},
        ),
        "unreachable": (
            answered(WAY, "RTNETLINK answers: Network is unreachable\n"),
            {"way to the guest"},
        ),
    },
}
TABLE = [(model, case) for model, cases in CASES.items() for case in cases]


def failing(cell: Captured, answers: Answers) -> set[str]:
    return broken(MODELS[cell.cell.network].facts(cell.pod, answers))


def test_every_model_has_real_answers() -> None:
    assert set(CELLS) == set(GUEST_NETWORKS) == set(MODELS)


@pytest.mark.parametrize("model", CELLS)
def test_every_fact_holds_of_a_real_sandbox(model: Network) -> None:
    cell = CELLS[model]

    assert failing(cell, cell.answers) == set()


@pytest.mark.parametrize(("model", "case"), TABLE, ids=[f"{m}: {c}" for m, c in TABLE])
def test_a_fact_fails_when_what_it_claims_is_taken_away(model: Network, case: str) -> None:
    cell = CELLS[model]
    change, subjects = CASES[model][case]

    assert failing(cell, change(cell.answers)) == subjects


@pytest.mark.parametrize("model", CELLS)
def test_every_fact_was_taken_away_once(model: Network) -> None:
    cell = CELLS[model]
    subjects = {fact.subject for fact in MODELS[cell.cell.network].facts(cell.pod, cell.answers)}

    assert set().union(*(fails for _, fails in CASES[model].values())) == subjects


@pytest.mark.parametrize("model", CELLS)
@pytest.mark.parametrize("case", LOST)
def test_nothing_is_proven_by_answers_that_are_none(model: Network, case: str) -> None:
    cell = CELLS[model]
    answers = dict.fromkeys(cell.answers, LOST[case])

    assert not [fact for fact in MODELS[cell.cell.network].facts(cell.pod, answers) if fact.holds]


@pytest.mark.parametrize("model", CELLS)
def test_every_fact_names_the_question_that_it_was_read_from(model: Network) -> None:
    cell = CELLS[model]
    questions = MODELS[cell.cell.network].questions(cell.pod)
    facts = list(MODELS[cell.cell.network].facts(cell.pod, cell.answers))

    for question in questions:
        read = {fact.subject for fact in facts if fact.source == question}
        assert failing(cell, {**cell.answers, question: ""}) == read
    assert {fact.source for fact in facts} <= set(questions)


@pytest.mark.parametrize("model", CELLS)
def test_what_the_facts_need_is_just_what_is_asked(model: Network) -> None:
    cell = CELLS[model]
    asked = set(MODELS[cell.cell.network].questions(cell.pod))

    assert asked <= set(cell.answers)
    assert failing(cell, {name: cell.answers[name] for name in asked}) == set()


def test_packets_of_all_filters_are_added_up() -> None:
    one = CELLS[Network.TCFILTER].answers[filters(INTERFACE)]

    assert redirected_packets(one) == 1
    assert redirected_packets(one + one.replace("bytes 1 pkt", "bytes 12 pkt")) == 13
    assert redirected_packets("") == 0


def test_a_redirect_that_has_not_carried_a_packet_yet_is_one_and_says_its_count() -> None:
    cell = CELLS[Network.TCFILTER]
    answers = replaced(filters(TAP), "bytes 1 pkt", "bytes 0 pkt")(cell.answers)

    facts = {fact.subject: fact for fact in MODELS[Network.TCFILTER].facts(cell.pod, answers)}

    assert facts[OUT].holds
    assert (facts[OUT].count, facts[IN].count) == (0, 1)
