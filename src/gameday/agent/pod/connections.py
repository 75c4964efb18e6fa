"""
Find the TCP connections of this network namespace, and reset some of them.

Rules lead only new connections to the proxy. Those that were there before are ended once, on both sides, so that their owners open new ones.

Source:
    sock_diag(7); linux/inet_diag.h and linux/sock_diag.h for the layouts and numbers.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from gameday.agent.edge import Address

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_SOCK_DESTROY = 21
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_REQUEST = 0x1
_ACK = 0x4
_DUMP = 0x300
_INET_DIAG_MARK = 15
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_ID = struct.Struct("!HH16s16s12s")
_ID_BYTES = 48
_MESSAGE_BYTES = 72
_ESTABLISHED, _SYN_SENT, _SYN_RECV = 1, 2, 3
_OPEN_STATES = 1 << _ESTABLISHED | 1 << 4 | 1 << 5 | 1 << 8  # established, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT
_OPENED_STATES = (
    _OPEN_STATES | 1 << _SYN_SENT
)  # a first packet that was sent before the rules decides for the whole connection
_ACCEPTED_STATES = _OPEN_STATES | 1 << _SYN_RECV | 1 << 12  # and NEW_SYN_RECV, not accepted yet
_TIME_WAIT_STATE, _LISTEN_STATE = 1 << 6, 1 << 10
_ENDED_GROUPS = 1 << 0 | 1 << 2  # SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY


class CannotResetError(Exception):
    """The kernel does not let connections be ended from outside."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A TCP socket; ``key`` names it to the kernel for good, ``mark`` is its SO_MARK."""

    family: int
    local: Address
    remote: Address
    mark: int
    key: bytes


def to_ports(ports: Iterable[int], *, spared: Iterable[str]) -> list[Connection]:
    """Return connections from elsewhere to ports of the pod, without those of ``spared`` addresses."""
    mine = set(spared)
    return [
        found
        for port in ports
        for found in _connections(local_port=port, states=_OPEN_STATES)
        if found.remote[0] not in mine and found.remote[0] != found.local[0] and not _is_loopback(found.remote[0])
    ]


def from_pod(destinations: Iterable[Address], *, mark: int) -> list[Connection]:
    """
    Return connections from the pod to any of ``destinations`` that go through no proxy in it, and are not the proxy's own.

    Those that are still being opened are among them.
    """
    wanted = set(destinations)
    going = [
        found
        for port in {port for _, port in wanted}
        for found in _connections(remote_port=port, states=_OPENED_STATES)
        if found.remote in wanted and found.mark != mark
    ]
    # Looked up after the others: one that is led to a proxy, ours or a mesh's, has its other end here, even before it has been accepted.
    led = {found.remote for found in _connections(states=_ACCEPTED_STATES)} if going else set()
    return [found for found in going if found.local not in led]


def is_led(local: Address, *, proxy_port: int) -> bool:
    """Return whether a connection from an address of the pod ends at the proxy, and at nobody else's before it."""
    return any(found.remote == local for found in _connections(local_port=proxy_port, states=_ACCEPTED_STATES))


def there() -> list[Connection]:
    """Return all connections that there are, and those of the last minute that this side closed first."""
    return list(_connections(states=_OPEN_STATES | _TIME_WAIT_STATE))


def listening() -> frozenset[int]:
    """Return the ports at which anybody listens."""
    return frozenset(found.local[1] for found in _connections(states=_LISTEN_STATE))


def subscribe() -> socket.socket:
    """Return a socket to which the kernel reports each connection that ends, for ``ended``. Raises ``OSError``."""
    events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
    try:
        events.bind((0, _ENDED_GROUPS))
        events.setblocking(False)  # noqa: FBT003 - the standard library's signature
    except OSError:
        events.close()
        raise
    return events


def ended(events: socket.socket, most: int) -> Iterator[Connection]:
    """Yield connections that have ended since the last call, ``most`` of them; the kernel drops what nobody reads."""
    for _ in range(most):
        try:
            data = events.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:  # ENOBUFS: some were dropped
            continue
        if len(data) >= _HEADER.size + _MESSAGE_BYTES:
            yield _connection(data[_HEADER.size], data[_HEADER.size :])


def reset(connections: Iterable[Connection]) -> int:
    """
    End connections on both sides; return how many there still were.

    Raises:
        CannotResetError: The kernel is built without INET_DIAG_DESTROY, or the capability NET_ADMIN is missing.
    """
    count = 0
    for connection in connections:
        request = _request(connection.family, connection.key, states=0)
        with _netlink() as diag:
            diag.send(_message(_SOCK_DESTROY, _REQUEST | _ACK, request))
            code = next(
                (code for kind, body in _replies(diag) if kind == _NLMSG_ERROR and (code := _code(body)) >= 0), 0
            )
        if code in (errno.EOPNOTSUPP, errno.EPERM, errno.EINVAL):
            raise CannotResetError(
                f"existing connections cannot be reset: {os.strerror(code)}; the node's kernel needs INET_DIAG_DESTROY, the agent NET_ADMIN"
            )
        count += code == 0
    return count


def _connections(*, local_port: int = 0, remote_port: int = 0, states: int) -> Iterator[Connection]:
    for family in (socket.AF_INET, socket.AF_INET6):  # a server on [::] has IPv4 callers on IPv6 sockets
        key = struct.pack("!HH", local_port, remote_port).ljust(_ID_BYTES, b"\0")
        with _netlink() as diag:
            diag.send(_message(_SOCK_DIAG_BY_FAMILY, _REQUEST | _DUMP, _request(family, key, states=states)))
            for kind, body in _replies(diag):
                if kind == _SOCK_DIAG_BY_FAMILY:
                    yield _connection(family, body)


def _connection(family: int, body: bytes) -> Connection:
    key = body[4 : 4 + _ID_BYTES]
    local_port, remote_port, local, remote, _ = _ID.unpack(key)
    return Connection(
        family, (_host(family, local), local_port), (_host(family, remote), remote_port), _mark(body), key
    )


def _host(family: int, raw: bytes) -> str:
    if family == socket.AF_INET:
        return socket.inet_ntop(family, raw[:4])
    address = ipaddress.IPv6Address(raw)
    return str(address.ipv4_mapped or address)


def _is_loopback(host: str) -> bool:
    return ipaddress.ip_address(host).is_loopback


def _mark(body: bytes) -> int:
    at = _MESSAGE_BYTES
    while at + _ATTRIBUTE.size <= len(body):
        size, kind = _ATTRIBUTE.unpack_from(body, at)
        if size < _ATTRIBUTE.size:
            break
        if kind == _INET_DIAG_MARK:
            return int(struct.unpack_from("=I", body, at + _ATTRIBUTE.size)[0])
        at += (size + 3) & ~3
    return 0


def _request(family: int, key: bytes, *, states: int) -> bytes:
    return struct.pack("=BBBxI", family, socket.IPPROTO_TCP, 0, states) + key


def _message(kind: int, flags: int, body: bytes) -> bytes:
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, 1, 0) + body


def _netlink() -> socket.socket:
    diag = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
    diag.settimeout(2.0)  # the kernel answers at once
    with suppress(OSError):
        diag.bind((0, 0))
    return diag


def _replies(diag: socket.socket) -> Iterator[tuple[int, bytes]]:
    """Yield kind and body of each message, up to the end of a dump or an acknowledgement."""
    while True:
        data = diag.recv(1 << 18)
        at = 0
        while at + _HEADER.size <= len(data):
            size, kind, *_ = _HEADER.unpack_from(data, at)
            if kind == _NLMSG_DONE:
                return
            yield kind, data[at + _HEADER.size : at + size]
            if kind == _NLMSG_ERROR:
                return
            at += (size + 3) & ~3


def _code(body: bytes) -> int:
    return -int(struct.unpack_from("=i", body)[0])
