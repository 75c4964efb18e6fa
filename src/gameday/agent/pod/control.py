"""Answer the runner: a small HTTP/1.1 server with one way in, ``POST /``, for whoever has the token."""

from __future__ import annotations

import asyncio
import hmac
import json
import re
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from gameday.agent.http1 import read_head
from gameday.agent.wire import TOKEN_HEADER

Request = Mapping[str, Any]
Op = Callable[[Request], Awaitable[Mapping[str, object]]]
"""Does what a request asks and returns what is answered; see ``RefusedError`` for what it may raise."""

_MOST_HEAD_BYTES = 1 << 14
_MOST_BODY_BYTES = 1 << 16
"""The API server adds headers of its own; the longest request names a thousand hosts."""
_READ_S = 5.0
"""How long a request may take to come, and its answer to be taken: both are one packet or two."""
_MOST_CONNECTIONS = 32
"""One runner has a few at a time; the rest would be strangers', who must not use up what the container may have open."""
_MOST_LEASE_S = 3600.0
"""Longer than any run: who asks for more has confused its units."""


def lease_s(request: Request) -> float:
    """Read for how long a request wants something. Raises ``KeyError`` and ``ValueError``."""
    wanted_s = float(request["lease_s"])
    if not 0 < wanted_s <= _MOST_LEASE_S:
        raise ValueError(f"lease_s {wanted_s:g}; valid: more than 0, at most {_MOST_LEASE_S:g}")
    return wanted_s


class RefusedError(Exception):
    """A request cannot be done now; the text says what is wrong and what is valid."""


class Control:
    """
    The server.

    Args:
        token: Who does not say it is refused.
        answer: Answers requests. ``ValueError``, ``KeyError`` and ``TypeError`` become 400, ``RefusedError`` 409.

    Attributes:
        asked_s: When the last request with the token came, by the loop's clock.
    """

    def __init__(self, token: str, answer: Op) -> None:
        """Listen nowhere yet."""
        self._token = token.encode()
        self._answer = answer
        self._connections = 0
        self.asked_s = asyncio.get_running_loop().time()

    async def listen(self, port: int) -> asyncio.Server:
        """Open the listener. Raises ``OSError``."""
        return await asyncio.start_server(self._serve, "0.0.0.0", port, limit=_MOST_HEAD_BYTES)  # noqa: S104 - reached through the API server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            if self._connections <= _MOST_CONNECTIONS:
                status, body = await self._respond(reader)
                writer.write(_written(status, body))
                async with asyncio.timeout(_READ_S):
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # it gave up, or said nothing in time
        finally:
            self._connections -= 1
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _respond(self, reader: asyncio.StreamReader) -> tuple[HTTPStatus, Mapping[str, object]]:
        try:
            async with asyncio.timeout(_READ_S):
                start, headers = read_head(await reader.readuntil(b"\r\n\r\n"))
                if not hmac.compare_digest(headers.get(TOKEN_HEADER.lower().encode(), b""), self._token):
                    return HTTPStatus.FORBIDDEN, {"error": f"the header {TOKEN_HEADER} is not this agent's token"}
                size = int(headers.get(b"content-length", b"0"))
                method, _, path = start.partition(b" ")
                if method != b"POST" or not re.match(rb"/(\?\S*)? ", path) or not 0 <= size <= _MOST_BODY_BYTES:
                    return HTTPStatus.BAD_REQUEST, {"error": f"send POST / with at most {_MOST_BODY_BYTES} bytes"}
                body = await reader.readexactly(size)
        except (ValueError, asyncio.LimitOverrunError) as error:
            return HTTPStatus.BAD_REQUEST, {"error": f"no HTTP request: {error}"}
        self.asked_s = asyncio.get_running_loop().time()
        return await self._answered(body)

    async def _answered(self, body: bytes) -> tuple[HTTPStatus, Mapping[str, object]]:
        try:
            request = json.loads(body)
            if not isinstance(request, dict):
                return HTTPStatus.BAD_REQUEST, {"error": "a request is a JSON object with an op"}
            return HTTPStatus.OK, await self._answer(request)
        except RefusedError as error:
            return HTTPStatus.CONFLICT, {"error": str(error)}
        except (ValueError, KeyError, TypeError) as error:
            return HTTPStatus.BAD_REQUEST, {"error": f"{type(error).__name__}: {error}"}
        except Exception as error:  # noqa: BLE001 - whatever it is, the runner must hear of it, and the agent goes on
            traceback.print_exc(file=sys.stderr)
            return HTTPStatus.INTERNAL_SERVER_ERROR, {"error": f"{type(error).__name__}: {error}"}


def _written(status: HTTPStatus, body: Mapping[str, object]) -> bytes:
    text = json.dumps(body).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + text
