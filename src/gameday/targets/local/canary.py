"""One harmless request to a service, as its kind speaks, timed from the request to its answer."""

from __future__ import annotations

import asyncio

from gameday.agent.canary import answered_s, question
from gameday.demo.topology import Kind
from gameday.targets.local import http
from gameday.targets.local.ports import HOST
from gameday.targets.protocol import TargetError

_PATH = "/healthz"


async def canary_s(kind: Kind, port: int, *, within_s: float) -> float:
    """
    Return how long the answer took, or how long it was waited for when it did not come within ``within_s``.

    Raises:
        TargetError: Nobody listens there, or the connection ended without an answer.
    """
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    try:
        if kind == "http":
            return (await http.request(port, "GET", _PATH, timeout_s=within_s)).took_s
        return await _round_trip_s(port, question(kind, _PATH), within_s)
    except TimeoutError:
        return max(within_s, loop.time() - began_s)
    except OSError as error:
        raise TargetError(f"the canary got no answer: {type(error).__name__} {error}") from error


async def _round_trip_s(port: int, asked: bytes, within_s: float) -> float:
    async with asyncio.timeout(within_s):
        reader, writer = await asyncio.open_connection(HOST, port)
        return await answered_s(reader, writer, asked)
