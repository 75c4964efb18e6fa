"""
One HTTP/1.1 connection on gevent, read with geventhttpclient's parser.

Locust's own session is not used, because geventhttpclient's client sends an idempotent request again, up to eleven times, when
the server closes the connection before it answers: then a crash is invisible and the load is multiplied. Here nothing is ever
sent twice. No redirects are followed, no cookies kept, no compression asked for.
"""

from __future__ import annotations

import errno
import socket as names
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass

from gevent import socket
from geventhttpclient.response import HTTPParseError, HTTPResponse

from gameday.agent.resources import SHORTAGES
from gameday.load.child.outcome import Answer, origin_queries, retry_after_s

_BLOCK_SIZE_BYTES = 1 << 16
_TIMESTAMPS = 35
"""``SO_TIMESTAMPNS`` of asm-generic/socket.h, which Python does not name: a socket says when what is read came (socket(7))."""
_STAMP = struct.Struct("@ll")  # struct timespec


class NoAnswerError(Exception):
    """The connection was refused, reset or closed before a whole answer had come."""


class ExhaustedError(Exception):
    """The generator itself ran out of sockets, ports or memory; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a connection leads, resolved once: (family, socket address) of each place to try, best first, at least one."""

    places: tuple[tuple[int, tuple[object, ...]], ...]


def resolve(host: str, port: int) -> Address:
    """Look a name up; raises ``OSError`` when it is unknown."""
    found = socket.getaddrinfo(host, port, type=names.SOCK_STREAM)
    return Address(tuple((family, tuple(sockaddr)) for family, _, _, _, sockaddr in found))


class _Parser(HTTPResponse):  # type: ignore[misc]  # geventhttpclient publishes no types
    """Counts the body instead of keeping it."""

    def __init__(self, method: str) -> None:
        super().__init__(method)
        self.size_bytes = 0
        self.late_s = 0.0

    def _on_body(self, part: bytearray) -> None:
        self.size_bytes += len(part)

    def text(self, name: str) -> str | None:
        value: str | list[str] | None = self.get(name)
        return value[0] if isinstance(value, list) else value


class Connection:
    """A connection that is opened when it is first needed and kept as long as the server keeps it."""

    def __init__(self, address: Address) -> None:
        """Remember where to; nothing is opened."""
        self._address = address
        self._socket: socket.socket | None = None
        self.sent = False

    def exchange(self, method: str, request: bytes) -> Answer:
        """
        Send one request and read its answer; the caller bounds the time.

        ``sent`` is False until the first byte of the request may have left. A kept connection that the server closed meanwhile
        is replaced before anything is written to it; from the first byte on, a closed connection is the request's end.

        Raises:
            NoAnswerError: The connection ended without a whole answer.
            ExhaustedError: No socket was to be had.
        """
        self.sent = False
        try:
            sock = self._open()
            self.sent = True
            answered_early = _send(sock, request)
            parser = _receive(sock, method)
        except (OSError, HTTPParseError) as error:
            self.close()
            if not self.sent and SHORTAGES.note(error, "requests not sent"):
                raise ExhaustedError(str(error)) from error
            raise NoAnswerError(str(error)) from error
        except BaseException:
            # A timeout or the end of the load: what the server still sends must not meet the next request.
            self.close()
            raise
        if answered_early or parser.should_close():
            self.close()
        return Answer(
            status=parser.get_code(),
            degraded="x-degraded" in parser,
            origin=origin_queries(parser.text("x-origin-queries")),
            retry_after_s=retry_after_s(parser.text("retry-after")),
            size_bytes=parser.size_bytes,
            late_s=parser.late_s,
        )

    def close(self) -> None:
        """Close the connection; idempotent, and the next request opens a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        if self._socket is not None and _idle(self._socket):
            return self._socket
        *others, last = self._address.places
        for family, sockaddr in others:
            try:
                return self._connect(family, sockaddr)
            except OSError:
                continue
        return self._connect(*last)

    def _connect(self, family: int, sockaddr: tuple[object, ...]) -> socket.socket:
        self.close()
        self._socket = socket.socket(family, names.SOCK_STREAM)
        self._socket.setsockopt(names.IPPROTO_TCP, names.TCP_NODELAY, 1)
        self._socket.setsockopt(names.SOL_SOCKET, _TIMESTAMPS, 1)
        self._socket.connect(sockaddr)
        if self._socket.getsockname() == self._socket.getpeername():
            # TCP's simultaneous open: where nobody listens, the kernel may pick the very port that is being called.
            raise ConnectionRefusedError(errno.ECONNREFUSED, "the connection met itself")
        return self._socket


def _idle(sock: socket.socket) -> bool:
    """Return whether a kept connection is still open and silent; data or its end, unasked for, make it useless."""
    sock.settimeout(0.0)
    try:
        sock.recv(1, names.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    else:
        return False
    finally:
        sock.settimeout(None)


def _send(sock: socket.socket, request: bytes) -> bool:
    """Write a request; True when the server closed its side meanwhile, which it may have done after an answer."""
    try:
        sock.sendall(request)
    except (BrokenPipeError, ConnectionResetError):
        return True
    return False


def _receive(sock: socket.socket, method: str) -> _Parser:
    """Read until the final answer is whole; answers 1xx announce one and are passed over."""
    parser = _Parser(method)
    while not parser.message_complete or parser.get_code() < 200:
        data, stamps, *_ = sock.recvmsg(_BLOCK_SIZE_BYTES, names.CMSG_SPACE(_STAMP.size))
        parser.late_s = _late_s(stamps)
        # The parser is told of the end too: it is what completes an answer without a length.
        parser.feed(data)
        if not data and not parser.message_complete:
            raise ConnectionResetError(errno.ECONNRESET, "closed before the answer was whole")
    return parser


def _late_s(stamps: Iterable[tuple[int, int, bytes]]) -> float:
    """Return how long ago the kernel got what was just read, at least 0 s: so late does a busy generator read it."""
    for level, kind, data in stamps:
        if (level, kind) == (names.SOL_SOCKET, _TIMESTAMPS):
            whole_s, rest_ns = _STAMP.unpack(data[: _STAMP.size])
            late_ns: int = time.time_ns() - whole_s * 10**9 - rest_ns
            return max(0.0, late_ns / 1e9)
    return 0.0
