"""What a CNI result says of a pod."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

import pytest

from lab.errors import SandboxError
from lab.network.pod import CALICO_ROUTES, Pod, Route, pod_of

RESULT: dict[str, Any] = {
    "cniVersion": "1.0.0",
    "interfaces": [
        {"name": "cali2a1f391882a", "mac": "ee:ee:ee:ee:ee:ee"},
        {"name": "eth0", "mac": "9a:ef:14:94:a6:27", "mtu": 1440, "sandbox": "/run/netns/boot1"},
    ],
    "ips": [{"interface": 1, "address": "10.192.181.56/32", "gateway": "169.254.1.1"}],
    "routes": [{"dst": "0.0.0.0/0", "gw": "169.254.1.1"}, {"dst": "169.254.1.1/32"}],
}
"""As lab/network/calico-veth.sh printed it."""


def test_a_pod_is_what_the_plugin_said() -> None:
    assert pod_of("boot1", json.dumps(RESULT)) == Pod(
        namespace="boot1",
        mac="9a:ef:14:94:a6:27",
        address=IPv4Interface("10.192.181.56/32"),
        mtu_bytes=1440,
        routes=CALICO_ROUTES,
    )


def test_routes_come_in_an_order_in_which_they_can_be_added() -> None:
    pod = pod_of("boot1", json.dumps(RESULT))

    assert pod.routes == (
        Route(to=IPv4Network("169.254.1.1/32"), via=None),
        Route(to=IPv4Network("0.0.0.0/0"), via=IPv4Address("169.254.1.1")),
    )


def test_each_sandbox_has_a_folder_of_its_own() -> None:
    assert pod_of("boot1", json.dumps(RESULT)).folder == "/run/kata-lab/boot1"


def test_the_nodes_end_of_the_veth_is_not_the_pods() -> None:
    """Even where the plugin gives it an address, as ptp and bridge do."""
    ips = [{"interface": 0, "address": "10.0.0.1/24"}, *RESULT["ips"]]

    assert pod_of("boot1", json.dumps({**RESULT, "ips": ips})).mac == "9a:ef:14:94:a6:27"


def test_a_result_without_routes_is_a_pod_without_routes() -> None:
    result = {key: value for key, value in RESULT.items() if key != "routes"}

    assert pod_of("boot1", json.dumps(result)).routes == ()


REFUSED = {
    "error": (
        '{"cniVersion": "1.0.0", "code": 100, "msg": "no veth cali1234"}',
        "made no network: no veth cali1234\\n",
    ),
    "error-with-details": (
        '{"code": 7, "msg": "invalid config", "details": "no ipam"}',
        "made no network: invalid config no ipam\\n",
    ),
    "words": ("sh: calico-veth: not found\n", "made no network: sh: calico-veth: not found\\n"),
    "empty": ("", "made no network: it said nothing\\n"),
    "truncated": (json.dumps(RESULT)[:40], 'made no network: {"cniVersion": "1.0.0"'),
    "no-interfaces": ('{"ips": [{"interface": 1}]}', "names no address in the pod"),
    "no-addresses": (json.dumps({**RESULT, "ips": []}), "names no address in the pod"),
    "address-on-the-node": (
        json.dumps({**RESULT, "ips": [{"interface": 0, "address": "10.0.0.1/24"}]}),
        "names no address in the pod",
    ),
    "empty-object": ("{}", "names no address in the pod: {}"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_anything_but_a_pods_network_is_refused_with_the_plugins_words(case: str) -> None:
    text, problem = REFUSED[case]

    with pytest.raises(SandboxError, match=problem) as caught:
        pod_of("boot1", text)
    assert "lab shell" in caught.value.remedy
