"""A canary waits as long as it is told to, and says how long that was."""

from __future__ import annotations

import asyncio

import pytest

from gameday.demo.topology import Kind
from gameday.targets.local.canary import canary_s
from gameday.targets.local.ports import HOST
from gameday.targets.protocol import TargetError

KINDS: tuple[Kind, ...] = ("http", "redis", "postgres")
WITHIN_S = 0.1
LIMIT_S = 30.0
"""A bound against hangs."""


async def _listening(kind: Kind, *, within_s: float, answer: bytes | None, after_s: float = 0.0) -> float:
    """Send a canary to a server that answers every request so, and then closes; None never answers."""
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        if answer is None:
            await done.wait()
        else:
            await asyncio.sleep(after_s)
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, HOST, 0)
    try:
        async with asyncio.timeout(LIMIT_S):
            return await canary_s(kind, server.sockets[0].getsockname()[1], within_s=within_s)
    finally:
        done.set()
        server.close()


@pytest.mark.parametrize("kind", KINDS)
def test_without_an_answer_it_returns_what_it_waited(kind: Kind) -> None:
    """At least as long as it was told to."""
    assert asyncio.run(_listening(kind, within_s=WITHIN_S, answer=None)) >= WITHIN_S


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_later_than_usual_is_waited_for_if_there_is_time(kind: Kind) -> None:
    """Three seconds are the usual bound, not the longest."""
    answer = b"HTTP/1.1 200 OK\r\n\r\n"
    took_s = asyncio.run(_listening(kind, within_s=LIMIT_S, answer=answer, after_s=3.1))
    assert 3.0 < took_s < LIMIT_S


@pytest.mark.parametrize("kind", KINDS)
def test_a_connection_that_ends_without_an_answer_is_an_error(kind: Kind) -> None:
    """That is no slow answer."""
    with pytest.raises(TargetError, match="the canary got no answer"):
        asyncio.run(_listening(kind, within_s=LIMIT_S, answer=b""))
