"""One harmless request as a service's kind speaks, and one page read; both from inside the pod."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass

from gameday.agent.edge import Address
from gameday.agent.http1 import read_head
from gameday.agent.pod.redirected import open_socket

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)  # PostgreSQL's frontend protocol: answered by one byte, S or N
_PING = b"*1\r\n$4\r\nPING\r\n"  # answered also without a password: that one is needed
_MOST_PAGE_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says."""

    status: int
    text: str


def question(kind: str, path: str) -> bytes:
    """Return what a canary says to a service of a kind. Raises ``ValueError``."""
    match kind:
        case "http":
            return f"GET {path} HTTP/1.1\r\nHost: gameday\r\nConnection: close\r\n\r\n".encode()
        case "redis":
            return _PING
        case "postgres":
            return _SSL_REQUEST
        case other:
            raise ValueError(f"kind {other!r}; valid: http, redis, postgres")


async def canary_s(address: Address, asked: bytes, *, mark: int | None, within_s: float) -> float:
    """
    Return how long the answer took, or how long it was waited for when it did not come within ``within_s``.

    Raises:
        OSError: Nobody listens there, or the connection ended without an answer.
    """
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    try:
        async with asyncio.timeout(within_s):
            reader, writer = await asyncio.open_connection(sock=await open_socket(address, mark=mark))
            try:
                writer.write(asked)
                asked_s = loop.time()
                if not await reader.read(1):
                    raise ConnectionError("the connection was closed without an answer")
                return loop.time() - asked_s
            finally:
                writer.close()
    except TimeoutError:
        return max(within_s, loop.time() - began_s)


async def read_page(address: Address, path: str, *, mark: int, within_s: float) -> Page:
    """Read a page past the proxy. Raises ``OSError`` (``TimeoutError`` after ``within_s``) or ``ValueError``."""
    async with asyncio.timeout(within_s):
        reader, writer = await asyncio.open_connection(
            sock=await open_socket(address, mark=mark), limit=_MOST_PAGE_BYTES
        )
        try:
            # 1.0: an answer without chunks, ended by the end of the connection
            writer.write(f"GET {path} HTTP/1.0\r\nHost: {address[0]}:{address[1]}\r\n\r\n".encode())
            said = b""
            while len(said) < _MOST_PAGE_BYTES and (part := await reader.read(1 << 16)):
                said += part
        finally:
            writer.close()
    head, found, body = said.partition(b"\r\n\r\n")
    words = read_head(head)[0].split(b" ")
    if not found or len(words) < 2 or not words[1].isdigit():
        raise ConnectionError(f"port {address[1]} closed the connection without an HTTP answer")
    return Page(int(words[1]), body.decode(errors="replace"))
