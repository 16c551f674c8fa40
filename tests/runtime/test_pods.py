"""A pod's namespace: how it is made and unmade."""

from __future__ import annotations

from ipaddress import IPv4Interface

from lab.network.pod import CALICO_ROUTES, Pod
from lab.runtime import pods


def test_addresses_count_up_from_the_first_pods() -> None:
    assert pods.address(0) == IPv4Interface("10.192.181.55/32")
    assert pods.address(200) == IPv4Interface("10.192.181.255/32")
    assert pods.address(201) == IPv4Interface("10.192.182.0/32")


def test_a_namespace_is_made_with_the_sandboxes_folder() -> None:
    assert pods.add_namespace("boot7") == (
        "mkdir -p /run/kata-lab/boot7/shared/rootfs",
        "ip netns add boot7",
        "ip -n boot7 link set lo up",
    )


def test_the_plugin_is_called_as_the_specification_wants_it() -> None:
    assert pods.add_network("boot7", IPv4Interface("10.192.181.62/32")) == (
        "CNI_COMMAND=ADD CNI_CONTAINERID=boot7 CNI_NETNS=/run/netns/boot7 CNI_IFNAME=eth0"
        " CNI_PATH=/usr/lib/cni CNI_ARGS='IP=10.192.181.62/32;MTU=1440' /usr/lib/cni/calico-veth"
    )


def test_removal_undoes_all_of_it_in_reverse() -> None:
    plugin, *rest = pods.remove(pods.custom("boot7", 7))

    assert plugin.startswith("CNI_COMMAND=DEL CNI_CONTAINERID=boot7 ")
    assert rest == ["ip netns del boot7", "rm -rf --one-file-system /run/kata-lab/boot7"]


def test_a_pod_without_a_plugin_has_a_mac_that_carries_its_address() -> None:
    assert pods.custom("boot7", 7) == Pod(
        namespace="boot7",
        mac="0a:58:0a:c0:b5:3e",
        address=IPv4Interface("10.192.181.62/32"),
        mtu_bytes=1440,
        routes=CALICO_ROUTES,
    )
