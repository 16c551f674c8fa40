"""
The internetworking models: how the pod's interface reaches the guest.

One module a model. Each says what it does in the pod's namespace, what evidence proves it,
and what is expected of it; :class:`lab.network.model.Model` is what a module must offer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.matrix import Network
from lab.network import bridge, l3forwarding, macvtap, none, tcfilter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.network.model import Model

MODELS: Mapping[Network, Model] = {
    Network.TCFILTER: tcfilter,
    Network.MACVTAP: macvtap,
    Network.NONE: none,
    Network.BRIDGE: bridge,
    Network.L3FORWARDING: l3forwarding,
}
