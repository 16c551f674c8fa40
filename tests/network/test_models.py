"""What each internetworking model does in the pod's namespace, to the word."""

from __future__ import annotations

from ipaddress import IPv4Interface

import pytest

from lab.matrix import Network
from lab.network import MODELS
from lab.network.macvtap import locally_administered
from lab.network.model import Tap
from lab.network.pod import CALICO_ROUTES, Pod

POD = Pod(
    namespace="boot7",
    mac="c6:4b:1f:a8:0e:21",
    address=IPv4Interface("10.192.181.62/32"),
    mtu_bytes=1440,
    routes=CALICO_ROUTES,
)
TAP_IN_POD = (
    "ip -n boot7 tuntap add dev tap0_kata mode tap vnet_hdr",
    "ip -n boot7 link set tap0_kata mtu 1440 up",
)
MATCH_ALL = "parent ffff: protocol all u32 match u8 0 0 action mirred"
SETTINGS = (
    "echo 1 > /proc/sys/net/ipv4/ip_forward;"
    " echo 1 > /proc/sys/net/ipv4/conf/tap0_kata/proxy_arp;"
    " echo 1 > /proc/sys/net/ipv4/conf/eth0/proxy_arp;"
    " echo 2 > /proc/sys/net/ipv4/conf/tap0_kata/rp_filter;"
    " echo 0 > /proc/sys/net/ipv4/neigh/tap0_kata/proxy_delay;"
    " echo 0 > /proc/sys/net/ipv4/neigh/eth0/proxy_delay;"
)
LINES = {
    Network.TCFILTER: (
        *TAP_IN_POD,
        "tc -n boot7 qdisc add dev eth0 ingress",
        "tc -n boot7 qdisc add dev tap0_kata ingress",
        f"tc -n boot7 filter add dev eth0 {MATCH_ALL} egress redirect dev tap0_kata",
        f"tc -n boot7 filter add dev tap0_kata {MATCH_ALL} egress redirect dev eth0",
    ),
    Network.MACVTAP: (
        "ip -n boot7 link add link eth0 name tap0_kata mtu 1440 type macvtap mode bridge",
        "ip -n boot7 link set eth0 address c6:4b:1f:a8:0e:de",
        "ip -n boot7 link set tap0_kata address c6:4b:1f:a8:0e:21",
        "ip -n boot7 address flush dev eth0",
        "ip -n boot7 link set tap0_kata up",
        "number=$(ip netns exec boot7 sh -c 'cat /sys/class/net/tap0_kata/tap*/dev')",
        'mknod /run/kata-lab/boot7/tap c "${number%:*}" "${number#*:}"',
    ),
    Network.NONE: (
        "ip tuntap add dev tap0_kata mode tap vnet_hdr",
        "ip link set tap0_kata mtu 1440 up",
        "echo 1 > /proc/sys/net/ipv4/conf/tap0_kata/proxy_arp",
        "echo 0 > /proc/sys/net/ipv4/neigh/tap0_kata/proxy_delay",
        "ip route add 10.192.181.62 dev tap0_kata scope link",
    ),
    Network.BRIDGE: (
        *TAP_IN_POD,
        "ip -n boot7 link set eth0 address c6:4b:1f:a8:0e:de",
        "ip -n boot7 address flush dev eth0",
        "ip -n boot7 link add br0_kata mtu 1440 type bridge forward_delay 0",
        "ip -n boot7 link set eth0 master br0_kata",
        "ip -n boot7 link set tap0_kata master br0_kata",
        "ip -n boot7 link set br0_kata up",
    ),
    Network.L3FORWARDING: (
        *TAP_IN_POD,
        "ip -n boot7 address add 169.254.0.1/32 dev tap0_kata",
        f"ip netns exec boot7 sh -c '{SETTINGS}'",
        "ip -n boot7 route del table local local 10.192.181.62 dev eth0",
        "ip -n boot7 route add 10.192.181.62 dev tap0_kata scope link",
    ),
}
BY_NAME = "tap,id=network-0,vhost=on,ifname=tap0_kata,script=no,downscript=no"
TAPS = {
    **dict.fromkeys(
        (Network.TCFILTER, Network.BRIDGE, Network.L3FORWARDING),
        Tap(netdev=BY_NAME, namespace="boot7"),
    ),
    Network.MACVTAP: Tap(
        netdev="tap,id=network-0,vhost=on,fd=3",
        namespace="boot7",
        redirection="3<>/run/kata-lab/boot7/tap",
    ),
    Network.NONE: Tap(netdev=BY_NAME, namespace=None),
}
KEEPS_BOTH, KEEPS_NEITHER = (True, True), (False, False)
KEEPS = {
    Network.TCFILTER: KEEPS_BOTH,
    Network.MACVTAP: KEEPS_NEITHER,
    Network.NONE: KEEPS_NEITHER,
    Network.BRIDGE: KEEPS_NEITHER,
    Network.L3FORWARDING: KEEPS_BOTH,
}


@pytest.mark.parametrize("network", MODELS)
def test_a_model_is_wired_by_these_lines(network: Network) -> None:
    assert MODELS[network].wire(POD) == LINES[network]


@pytest.mark.parametrize("network", MODELS)
def test_qemu_gets_its_link_so(network: Network) -> None:
    assert MODELS[network].tap(POD) == TAPS[network]


@pytest.mark.parametrize("network", MODELS)
def test_what_is_expected_of_the_namespace_is_what_is_done_to_it(network: Network) -> None:
    expected = MODELS[network].EXPECTED

    assert (expected.namespace_keeps_address, expected.namespace_keeps_mac) == KEEPS[network]


def test_only_l3forwarding_is_a_hop_of_its_own() -> None:
    hops = {network: model.EXPECTED.hops_to_node for network, model in MODELS.items()}

    assert [network for network, count in hops.items() if count] == [Network.L3FORWARDING]
    assert hops[Network.L3FORWARDING] == 1


def test_only_none_has_no_pod_interface_and_leaves_a_device_outside() -> None:
    for network, model in MODELS.items():
        assert model.EXPECTED.has_pod_interface is (network is not Network.NONE)
        assert ("tap0_kata" in model.OUTSIDE) is (network is Network.NONE)
        assert set(model.OUTSIDE) <= {"tap0_kata"}


@pytest.mark.parametrize("network", MODELS)
def test_every_question_is_asked_in_the_pods_namespace_or_says_otherwise(
    network: Network,
) -> None:
    questions = MODELS[network].questions(POD)
    outside = {name for name, line in questions.items() if "ip netns exec boot7 " not in line}

    assert outside == (
        {"ip -j -d link (node)", "ip route to the pod"} if network is Network.NONE else set()
    )


@pytest.mark.parametrize("mac", ["c6:4b:1f:a8:0e:21", "00:00:5e:00:53:00", "ff:ff:ff:ff:ff:ff"])
def test_the_mac_that_eth0_is_left_with_is_another_one_and_nobodys(mac: str) -> None:
    other = locally_administered(mac)
    first = int(other.split(":")[0], 16)

    assert other != mac
    assert first & 0b01 == 0, "unicast"
    assert first & 0b10, "locally administered (IEEE 802, clause 8.2)"
