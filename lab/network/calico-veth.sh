#!/bin/sh
# A CNI plugin (specification 1.0.0): a veth as Calico makes it, without Calico's agents.
#
# The pod's end has a /32 address, the gateway 169.254.1.1 on the link and everything else
# through it; the node's end has no address, a fixed MAC, and answers for the gateway by proxy
# ARP (felix/dataplane/linux/endpoint_mgr.go). None of the plugins that distributions carry
# can do that: ptp fails on a /32. The address and MTU come by CNI_ARGS: IP=...;MTU=... A CRI
# gives the pod's name there instead: then they are in the file of that name, and the result is
# put beside it, since a CRI tells its caller only parts of it.
set -eu

PODS=/run/kata-lab/pods

GATEWAY=169.254.1.1
NODE_MAC=ee:ee:ee:ee:ee:ee

fail() {
    printf '{"cniVersion": "1.0.0", "code": 100, "msg": "%s"}\n' "$1"
    exit 1
}

argument() {
    printf '%s\n' "$arguments" | tr ';' '\n' | sed -n "s/^$1=//p"
}

arguments=${CNI_ARGS:-}
pod=$(argument K8S_POD_NAME)
node_end=cali$(printf '%s' "$CNI_CONTAINERID" | sha1sum | cut -c1-11)

add() {
    if [ -n "$pod" ]; then
        arguments=$(cat "$PODS/$pod") || fail "nobody has said what pod $pod is to have"
        exec 3>&1 >"$PODS/$pod.result"
        trap 'cat "$PODS/$pod.result" >&3' EXIT
    fi
    make
}

make() {
    namespace=${CNI_NETNS##*/}
    address=$(argument IP)
    mtu=$(argument MTU)
    [ -n "$address" ] && [ -n "$mtu" ] || fail "CNI_ARGS must give IP and MTU"

    ip link add "$node_end" address "$NODE_MAC" mtu "$mtu" type veth \
        peer name "$CNI_IFNAME" mtu "$mtu" netns "$namespace" || fail "no veth $node_end"
    echo 1 >"/proc/sys/net/ipv4/conf/$node_end/proxy_arp"
    echo 0 >"/proc/sys/net/ipv4/neigh/$node_end/proxy_delay"
    ip link set "$node_end" up
    ip route add "${address%/*}" dev "$node_end" scope link

    ip -n "$namespace" -batch - <<BATCH || fail "no addresses for $CNI_IFNAME"
address add $address dev $CNI_IFNAME
link set $CNI_IFNAME up
route add $GATEWAY dev $CNI_IFNAME scope link
route add default via $GATEWAY dev $CNI_IFNAME
BATCH
    mac=$(ip -n "$namespace" -o link show "$CNI_IFNAME" | sed 's/.*link.ether \([^ ]*\).*/\1/')
    cat <<RESULT
{
  "cniVersion": "1.0.0",
  "interfaces": [
    {"name": "$node_end", "mac": "$NODE_MAC"},
    {"name": "$CNI_IFNAME", "mac": "$mac", "mtu": $mtu, "sandbox": "$CNI_NETNS"}
  ],
  "ips": [{"interface": 1, "address": "$address", "gateway": "$GATEWAY"}],
  "routes": [{"dst": "0.0.0.0/0", "gw": "$GATEWAY"}, {"dst": "$GATEWAY/32"}]
}
RESULT
}

case $CNI_COMMAND in
    ADD) add ;;
    DEL) ip link del "$node_end" 2>/dev/null || true ;;
    VERSION) echo '{"cniVersion": "1.0.0", "supportedVersions": ["1.0.0"]}' ;;
    *) fail "unknown command $CNI_COMMAND" ;;
esac
