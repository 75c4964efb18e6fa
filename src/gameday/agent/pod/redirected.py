"""Take in the connections that the table leads here, and lead each on to where it was going."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import cast

from gameday.agent.edge import Address, Edge
from gameday.agent.pod.table import PROXY_MARK, PROXY_PORT
from gameday.agent.splice import CalleeSide, CallerSide

_SO_ORIGINAL_DST = 80  # linux/netfilter_ipv4.h
_ADDRESS = struct.Struct("!2xH4s8x")
_BACKLOG = 1024  # a stampede of new callers must find room

Find = Callable[[Address], "Edge | None"]
"""Tells to which edge a connection to an address belongs; None when it was not led here."""


class Redirected(asyncio.Protocol):
    """A connection that has just come; where it was going tells to which edge it belongs."""

    def __init__(self, find: Find) -> None:
        """Belong to no edge yet."""
        self._find = find

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Become the caller's side of its edge; one that nobody led here is reset, so that the agent relays for nobody."""
        accepted = cast("asyncio.Transport", transport)
        try:
            destination = original_destination(accepted.get_extra_info("socket"))
            edge = self._find(destination)
        except OSError:
            edge = None
        if edge is None:
            accepted.abort()
            return
        caller = CallerSide(edge, (destination,), connect_marked)
        accepted.set_protocol(caller)
        caller.connection_made(accepted)


async def listen(find: Find) -> asyncio.Server:
    """Open the proxy's listener. Raises ``OSError``."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Redirected(find), "0.0.0.0", PROXY_PORT, backlog=_BACKLOG)  # noqa: S104 - where the pod is called


def original_destination(accepted: socket.socket) -> Address:
    """Return where a connection was going before it was led elsewhere. Raises ``OSError``."""
    port, host = _ADDRESS.unpack(accepted.getsockopt(socket.SOL_IP, _SO_ORIGINAL_DST, _ADDRESS.size))
    return socket.inet_ntoa(host), port


async def connect_marked(make: Callable[[], CalleeSide], address: Address) -> CalleeSide:
    """Open a connection that is not led to the proxy again. Raises ``OSError``."""
    connection = await open_socket(address, mark=PROXY_MARK)
    _, callee = await asyncio.get_running_loop().create_connection(make, sock=connection)
    return callee


async def open_socket(address: Address, *, mark: int | None = None) -> socket.socket:
    """Connect to a numeric address. Raises ``OSError``."""
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)  # noqa: FBT003 - its only parameter
        if mark is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        await asyncio.get_running_loop().sock_connect(connection, address)
    except BaseException:
        connection.close()
        raise
    return connection
