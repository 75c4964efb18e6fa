"""Take in the connections that the table leads here, and lead each on to where it was going."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections.abc import Callable, Iterable
from typing import cast

from gameday.agent.edge import Address, Edge
from gameday.agent.pod.table import PROXY_MARK
from gameday.agent.resources import ACCEPTED_AT_ONCE, SHORTAGES, widen
from gameday.agent.splice import CalleeSide, CallerSide

_SO_ORIGINAL_DST = 80  # linux/netfilter_ipv4.h; linux/netfilter_ipv6/ip6_tables.h has the same number
_ADDRESS, _ADDRESS6 = struct.Struct("!2xH4s8x"), struct.Struct("!2xH4x16s4x")
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
_TRIES = 10

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


def bind() -> tuple[socket.socket, ...]:
    """
    Take a port that nobody uses in this network namespace, over IPv4 and, where there is IPv6, over that too. Raises ``OSError``.

    A port of its own choice could be that of a mesh's proxy.
    """
    for _ in range(_TRIES):
        ipv4 = socket.create_server(("0.0.0.0", 0))  # noqa: S104 - where the pod is called
        try:
            ipv6 = socket.create_server(("::", ipv4.getsockname()[1]), family=socket.AF_INET6)
        except OSError as error:
            if error.errno in _NO_IPV6:
                return (ipv4,)
            ipv4.close()
            continue
        return ipv4, ipv6
    raise OSError(errno.EADDRINUSE, f"no port was free over both IPv4 and IPv6 in {_TRIES} tries")


async def listen(find: Find, sockets: Iterable[socket.socket]) -> tuple[asyncio.Server, ...]:
    """Open the proxy's listeners. Raises ``OSError``."""
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(lambda: Redirected(find), sock=each, backlog=ACCEPTED_AT_ONCE) for each in sockets
    ]
    return tuple(SHORTAGES.watch(widen(each)) for each in servers)


def original_destination(accepted: socket.socket) -> Address:
    """Return where a connection was going before it was led elsewhere. Raises ``OSError``."""
    if accepted.family == socket.AF_INET6:
        port, host = _ADDRESS6.unpack(accepted.getsockopt(socket.IPPROTO_IPV6, _SO_ORIGINAL_DST, _ADDRESS6.size))
        return socket.inet_ntop(socket.AF_INET6, host), port
    port, host = _ADDRESS.unpack(accepted.getsockopt(socket.SOL_IP, _SO_ORIGINAL_DST, _ADDRESS.size))
    return socket.inet_ntoa(host), port


async def connect_marked(make: Callable[[], CalleeSide], address: Address) -> CalleeSide:
    """Open a connection that is not led to the proxy again. Raises ``OSError``."""
    connection = await open_socket(address, mark=PROXY_MARK)
    _, callee = await asyncio.get_running_loop().create_connection(make, sock=connection)
    return callee


async def open_socket(address: Address, *, mark: int | None = None) -> socket.socket:
    """Connect to a numeric address. Raises ``OSError``."""
    connection = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)  # noqa: FBT003 - its only parameter
        connection.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )  # asyncio sets it on no socket that it did not make
        if mark is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        await asyncio.get_running_loop().sock_connect(connection, address)
    except BaseException:
        connection.close()
        raise
    return connection
