"""Ports that stay ours: reserved by a bound socket that never listens, for as long as the node lives."""

from __future__ import annotations

import socket

HOST = "127.0.0.1"


class Reservations:
    """
    Holds one bound socket for each port.

    Linux lets a child that sets SO_REUSEADDR, as all servers here do, bind and listen beside a bound socket that does not listen;
    the kernel gives the port to nobody who asks for any free one. So a restarted process finds its port free, and two systems
    never meet.
    """

    def __init__(self) -> None:
        """Hold none."""
        self._sockets: list[socket.socket] = []

    def reserve(self) -> int:
        """Reserve a free port on 127.0.0.1."""
        held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((HOST, 0))
        self._sockets.append(held)
        return int(held.getsockname()[1])

    def close(self) -> None:
        """Give all ports back."""
        while self._sockets:
            self._sockets.pop().close()
