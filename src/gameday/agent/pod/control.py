"""
Answer the runner: a small HTTP/1.1 server with one way in, ``POST /``, for whoever proves to be the agent's run.

Strangers in the cluster can connect, too. Each of them may keep one connection for a few seconds and some kilobytes
of memory, until others come: of those that have proven nothing yet the oldest is ended when there are too many, so
that a new one is always heard. A proof is in the head: no body of a stranger's is read.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from gameday.agent.http1 import read_head
from gameday.agent.pod.route import listener
from gameday.agent.proof import ForgedError, Verifier
from gameday.agent.resources import ACCEPTED_AT_ONCE, widen
from gameday.agent.wire import PROOF_HEADER

Request = Mapping[str, Any]
Op = Callable[[Request], Awaitable[Mapping[str, object]]]
"""Does what a request asks and returns what is answered; see ``RefusedError`` for what it may raise."""

_MOST_HEAD_BYTES = 1 << 14
_MOST_BODY_BYTES = 1 << 18
"""The API server adds headers of its own; the longest request names four thousand destinations."""
_READ_S = 5.0
"""How long a request may take to come, and its answer to be taken: both are one packet or two."""
_MOST_UNPROVEN = 64
"""Connections whose request is still to come. A runner has a few at a time, each for milliseconds."""
_MOST_LEASE_S = 3600.0
"""Longer than any run: who asks for more has confused its units."""


def lease_s(request: Request) -> float:
    """Read for how long a request wants something. Raises ``KeyError`` and ``ValueError``."""
    wanted_s = amount(request, "lease_s", _MOST_LEASE_S)
    if not wanted_s:
        raise ValueError(f"lease_s 0; valid: more than 0, at most {_MOST_LEASE_S:g}")
    return wanted_s


def amount(request: Request, name: str, most: float) -> float:
    """Read a number from 0 to ``most``. Raises ``KeyError`` and ``ValueError``."""
    value = request[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise ValueError(f"{name} {value!r}; valid: a number from 0 to {most:g}")
    return float(value)


def port(value: object) -> int:
    """Return a TCP port as received. Raises ``ValueError``."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1 << 16:
        raise ValueError(f"port {value!r}; valid: a whole number from 1 to 65535")
    return value


class RefusedError(Exception):
    """A request cannot be done now; the text says what is wrong and what is valid."""


class Control:
    """
    The server.

    Args:
        verifier: Who does not prove to be its run is refused.
        answer: Answers requests. ``ValueError``, ``KeyError`` and ``TypeError`` become 400, ``RefusedError`` 409.

    Attributes:
        asked_s: When the last request of the run came, by the loop's clock.
    """

    def __init__(self, verifier: Verifier, answer: Op) -> None:
        """Listen nowhere yet."""
        self._verifier = verifier
        self._answer = answer
        self._unproven: dict[asyncio.StreamWriter, None] = {}  # oldest first
        self.asked_s = asyncio.get_running_loop().time()

    async def listen(self, at: int) -> asyncio.Server:
        """Open the listener at a port, once the log says whose answers come from there. Raises ``OSError``."""
        taken = listener(at)
        self._verifier.announce()
        return widen(
            await asyncio.start_server(self._serve, sock=taken, limit=_MOST_HEAD_BYTES, backlog=ACCEPTED_AT_ONCE)
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._unproven[writer] = None
        if len(self._unproven) > _MOST_UNPROVEN:
            oldest = next(iter(self._unproven))
            del self._unproven[oldest]
            oldest.transport.abort()
        try:
            proof, status, answer = await self._respond(reader, writer)
            writer.write(_written(status, self._verifier.sign(proof, status, json.dumps(answer).encode())))
            async with asyncio.timeout(_READ_S):
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # it gave up, or said nothing in time
        finally:
            self._unproven.pop(writer, None)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _respond(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[str, HTTPStatus, Mapping[str, object]]:
        """Read a request and do it; return its proof, and what is answered."""
        proof = ""
        try:
            async with asyncio.timeout(_READ_S):
                start, headers = read_head(await reader.readuntil(b"\r\n\r\n"))
                proof = headers.get(PROOF_HEADER.lower().encode(), b"").decode("ascii")
                command = self._verifier.check(proof, "/")
                self._unproven.pop(writer, None)
                size = int(headers.get(b"content-length", b"0"))
                method, _, path = start.partition(b" ")
                if method != b"POST" or not re.match(rb"/(\?\S*)? ", path) or not 0 <= size <= _MOST_BODY_BYTES:
                    said = f"send POST / with at most {_MOST_BODY_BYTES} bytes"
                    return proof, HTTPStatus.BAD_REQUEST, {"error": said}
                body = await reader.readexactly(size)
            command.check_body(body)
        except ForgedError as error:
            return proof, HTTPStatus.FORBIDDEN, self._verifier.refusal(error)
        except (ValueError, asyncio.LimitOverrunError) as error:
            return proof, HTTPStatus.BAD_REQUEST, {"error": f"no HTTP request: {error}"}
        self.asked_s = asyncio.get_running_loop().time()
        return proof, *await self._answered(body)

    async def _answered(self, body: bytes) -> tuple[HTTPStatus, Mapping[str, object]]:
        try:
            request = json.loads(body, parse_constant=_no_number, parse_float=_finite)
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


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _no_number(text)


def _written(status: HTTPStatus, text: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain\r\n"
        f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + text
