"""What the guest is told to do before it answers."""

from __future__ import annotations

import subprocess
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from lab.network.pod import Pod, Route
from lab.runtime.setup import setup_script

POD = Pod(
    namespace="boot7",
    mac="c6:4b:1f:a8:0e:21",
    address=IPv4Interface("10.192.181.62/32"),
    mtu_bytes=1440,
    routes=(
        Route(to=IPv4Network("169.254.1.1/32"), via=None),
        Route(to=IPv4Network("0.0.0.0/0"), via=IPv4Address("169.254.1.1")),
    ),
)
SCRIPT = setup_script(POD, ("mkdir -p /share", "mount -t virtiofs kataShared /share"))


def test_the_root_is_mounted_and_the_link_with_the_pods_mac_gets_all_that_the_pod_has() -> None:
    assert SCRIPT == (
        "mkdir -p /share\n"
        "mount -t virtiofs kataShared /share\n"
        "link=$(grep -lx 'c6:4b:1f:a8:0e:21' /sys/class/net/*/address | cut -d/ -f5)\n"
        '[ -n "$link" ] || { echo "no link with MAC c6:4b:1f:a8:0e:21"; exit 1; }\n'
        "ip link set lo up\n"
        'ip address add 10.192.181.62/32 dev "$link"\n'
        'ip link set "$link" mtu 1440 up\n'
        'ip route add 169.254.1.1/32 dev "$link" scope link\n'
        'ip route add 0.0.0.0/0 via 169.254.1.1 dev "$link"\n'
    )


def test_a_shell_understands_it() -> None:
    done = subprocess.run(
        ["/bin/sh", "-n"], input=SCRIPT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_a_guest_without_that_link_says_so_and_stops() -> None:
    script = "ip() { echo called; }\n" + setup_script(POD, ())

    done = subprocess.run(
        ["/bin/sh", "-e"], input=script, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (1, "no link with MAC c6:4b:1f:a8:0e:21\n")
