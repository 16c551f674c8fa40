"""Free ports of this machine's loopback."""

from __future__ import annotations

import socket

LOOPBACK = "127.0.0.1"
PORT_TRIES = 3
"""How often another is chosen where somebody else has taken one meanwhile."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody has; it is not held."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        port: int = listener.getsockname()[1]
        return port
