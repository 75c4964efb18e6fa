"""One HTTP request at a time, with the standard library only: the node must start fast."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from gameday.targets.local.ports import HOST

TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; ``took_s`` is from the request's last byte to the whole answer."""

    status: int
    body: bytes
    took_s: float


async def request(port: int, method: str, path: str, body: bytes = b"", *, timeout_s: float = TIMEOUT_S) -> Answer:
    """
    Send a request on a connection of its own.

    Raises:
        OSError: Nobody answers there (``TimeoutError`` after ``timeout_s``), or what comes is no HTTP.
    """
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_connection(HOST, port)
        try:
            writer.write(
                f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            began_s = asyncio.get_running_loop().time()
            head, _, rest = (await reader.read()).partition(b"\r\n\r\n")
            took_s = asyncio.get_running_loop().time() - began_s
        finally:
            writer.close()
    try:
        return Answer(int(head.split(b" ", 2)[1]), rest, took_s)
    except (IndexError, ValueError):
        raise ConnectionError(f"port {port} closed the connection without an HTTP answer") from None
