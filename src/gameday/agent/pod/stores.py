"""
Ask the store in this pod, over the pod's own loopback: is it ready, how many keys, empty it. The password never leaves the pod.

Source:
    The Redis serialization protocol (RESP2), redis.io/docs/reference/protocol-spec; PostgreSQL 17, 53.2.1 Start-up.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping
from typing import TypeAlias

from gameday.agent.keys import script
from gameday.agent.pod.control import RefusedError

Reply: TypeAlias = "int | str | list[Reply] | None"

_HOST = "127.0.0.1"
_TIMEOUT_S = 3.0
"""How long a store may take to answer; counting and removing keys takes it milliseconds."""
_READY_S = 1.0
"""Who does not answer within this is not ready; a store that serves takes milliseconds."""


class RedisError(Exception):
    """The server answered with an error, or said what is no RESP."""


async def keys(prefix: str | None, *, what: str, port: int, password: str) -> Mapping[str, object]:
    """
    Count keys, before and after removing them (``what`` is "count" or "empty"); one step for the server.

    Raises:
        RefusedError: The cache does not answer, or refuses.
    """
    text, pattern = script(prefix)
    commands = [["AUTH", password]] if password else []
    try:
        replies = await _ask(port, [*commands, ["EVAL", text, "0", pattern, what]])
    except (OSError, RedisError, ValueError, asyncio.IncompleteReadError) as error:
        raise RefusedError(f"the cache cannot be asked: {type(error).__name__} {error}") from error
    match replies[-1]:
        case [int(before), int(after)]:
            return {"before": before, "after": after}
        case other:
            raise RefusedError(f"the cache cannot be asked: it answered {other!r}")


async def is_ready(kind: str, *, port: int, password: str) -> bool:
    """Return whether a store does its work, within about a second. Raises ``ValueError`` for a kind that is none."""
    match kind:
        case "redis":
            asking = _redis_is_ready(port, password)
        case "postgres":
            asking = _postgres_is_ready(port)
        case other:
            raise ValueError(f"kind {other!r}; valid: redis, postgres")
    try:
        async with asyncio.timeout(_READY_S):
            return await asking
    except (OSError, RedisError, ValueError, asyncio.IncompleteReadError):
        return False


async def _redis_is_ready(port: int, password: str) -> bool:
    commands = [["AUTH", password]] if password else []
    return (await _ask(port, [*commands, ["PING"]]))[-1] == "PONG"


async def _postgres_is_ready(port: int) -> bool:
    """Begin a session as pg_isready does: a server that asks for a password, or lets one in, accepts connections."""
    words = b"".join(word + b"\0" for word in (b"user", b"gameday", b"database", b"postgres", b""))
    async with asyncio.timeout(_TIMEOUT_S):
        reader, writer = await asyncio.open_connection(_HOST, port)
        try:
            writer.write(struct.pack("!ii", 8 + len(words), 3 << 16) + words)
            kind, size = struct.unpack("!ci", await reader.readexactly(5))
            said = await reader.readexactly(min(max(size - 4, 0), 1 << 12))
        finally:
            writer.close()
    return kind == b"R" or (kind == b"E" and b"C57P03\0" not in said)  # cannot_connect_now


async def _ask(port: int, commands: list[list[str]]) -> list[Reply]:
    async with asyncio.timeout(_TIMEOUT_S):
        reader, writer = await asyncio.open_connection(_HOST, port)
        try:
            writer.write(b"".join(map(_command, commands)))
            return [await _reply(reader) for _ in commands]
        finally:
            writer.close()


def _command(words: list[str]) -> bytes:
    encoded = [word.encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)


async def _reply(reader: asyncio.StreamReader) -> Reply:
    line = (await reader.readuntil(b"\r\n"))[:-2].decode(errors="replace")
    match line[:1]:
        case "+":
            return line[1:]
        case ":":
            return int(line[1:])
        case "-":
            raise RedisError(line[1:])
        case "$":
            size = int(line[1:])
            return None if size < 0 else (await reader.readexactly(size + 2))[:-2].decode(errors="replace")
        case "*":
            return [await _reply(reader) for _ in range(int(line[1:]))]
        case _:
            raise RedisError(f"said {line[:80]!r}, which is no answer of Redis")
