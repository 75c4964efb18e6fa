"""One harmless request, as a service's kind speaks, and how long its answer takes."""

from __future__ import annotations

import asyncio
import struct

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)  # PostgreSQL's frontend protocol: answered by one byte, S or N
_PING = b"*1\r\n$4\r\nPING\r\n"  # answered also without a password: that one is needed


def question(kind: str, path: str) -> bytes:
    """Return what a canary says to a service of a kind; ``path`` is for HTTP. Raises ``ValueError``."""
    match kind:
        case "http":
            return f"GET {path} HTTP/1.1\r\nHost: gameday\r\nConnection: close\r\n\r\n".encode()
        case "redis":
            return _PING
        case "postgres":
            return _SSL_REQUEST
        case other:
            raise ValueError(f"kind {other!r}; valid: http, redis, postgres")


async def answered_s(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: bytes) -> float:
    """Ask, close the connection, and return how long the answer's first byte took. Raises ``OSError`` when none came."""
    loop = asyncio.get_running_loop()
    try:
        writer.write(asked)
        asked_s = loop.time()
        if not await reader.read(1):
            raise ConnectionError("the connection was closed without an answer")
        return loop.time() - asked_s
    finally:
        writer.close()
