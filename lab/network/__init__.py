"""
The internetworking models: how the pod's interface reaches the guest.

One module a model. Each says what it does in the pod's namespace, what evidence proves it,
and what is expected of it; :class:`lab.network.model.Model` is what a module must offer. That of
an extension tells besides what it means and what is known of it (:mod:`lab.expectations`).
"""

from __future__ import annotations

from lab.extensions import Group, Interface, Registry
from lab.matrix import Network
from lab.network import bridge, l3forwarding, macvtap, none, tcfilter
from lab.network.model import Expected, Model

MODELS: Registry[Model] = Registry(
    Group.NETWORKS,
    {
        Network.TCFILTER: tcfilter,
        Network.MACVTAP: macvtap,
        Network.NONE: none,
        Network.BRIDGE: bridge,
        Network.L3FORWARDING: l3forwarding,
    },
    Interface(
        protocol=Model,
        values={"EXPECTED": Expected, "OUTSIDE": tuple, "MEANING": str, "EXPECTATIONS": str},
    ),
)
"""By name, which is also what a :class:`lab.matrix.Network` is."""
