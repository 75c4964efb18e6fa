"""Send a canary to a service, and read a page; both from inside the pod."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from gameday.agent.canary import answered_s
from gameday.agent.edge import Address
from gameday.agent.http1 import read_head
from gameday.agent.pod.redirected import open_socket

_MOST_PAGE_BYTES = 1 << 22
"""A page of metrics is a tenth of a megabyte; what is longer is cut off, and no page."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says."""

    status: int
    text: str


async def canary_s(
    address: Address, asked: bytes, *, mark: int | None, within_s: float, opened: Callable[[Address], None]
) -> float:
    """
    Return how long the answer took, or how long it was waited for when it did not come within ``within_s``.

    ``opened`` is called with the connection's own address before anything is said on it.

    Raises:
        OSError: Nobody listens there, or the connection ended without an answer.
    """
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    try:
        async with asyncio.timeout(within_s):
            connection = await open_socket(address, mark=mark)
            opened(connection.getsockname()[:2])
            reader, writer = await asyncio.open_connection(sock=connection)
            return await answered_s(reader, writer, asked)
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
