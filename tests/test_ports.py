from __future__ import annotations

import socket

from lab.ports import LOOPBACK, free_port


def test_a_free_port_is_nobodys() -> None:
    port = free_port()

    with socket.socket() as listener:
        listener.bind((LOOPBACK, port))
        assert port >= 1024
