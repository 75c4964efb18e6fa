"""Speak to one proxy over its pipes."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from gameday.targets.events import ProcessShort
from gameday.targets.local.wire import Json, Message, decode, encode
from gameday.targets.protocol import TargetError

_ANSWER_S = 2.0


class ProxyLink:
    """
    Configures a proxy whenever it is started and passes requests on to it.

    A proxy that was started again knows of no fault: that is the healed state.
    """

    def __init__(self, service: str, configuration: Message, tell: Callable[[ProcessShort], None]) -> None:
        """Lead to the proxy of a service; ``tell`` is called when it has run short of something."""
        self._tell = tell
        self._shortages: dict[str, int] = {}
        self._service = service
        self._configuration = configuration
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Json]]] = {}
        self._pipe: asyncio.WriteTransport | None = None
        self._reading: asyncio.Task[None] | None = None
        self.is_ready = False

    async def configure(self, process: subprocess.Popen[bytes]) -> None:
        """Take over a new proxy's pipes and tell it where to listen."""
        loop = asyncio.get_running_loop()
        self.is_ready = False
        self._shortages = {}
        lines = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), process.stdout)
        self._pipe, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, process.stdin)
        self._pipe.write(encode(self._configuration))
        self._reading = asyncio.ensure_future(self._read(lines))

    async def ask(self, op: str, edge: str, **parameters: Json) -> Mapping[str, Json]:
        """Send a request about an edge. Raises ``TargetError`` when the proxy is away or refuses."""
        if self._pipe is None or not self.is_ready:
            raise TargetError(f"the proxy of {self._service} is being started again; try once more in a second")
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, Json]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        self._pipe.write(encode({"id": number, "op": op, "edge": edge, **parameters}))
        try:
            async with asyncio.timeout(_ANSWER_S):
                found = await answer
        except TimeoutError:
            raise TargetError(f"the proxy of {self._service} did not answer within {_ANSWER_S:g} s") from None
        finally:
            self._waiting.pop(number, None)
        if "error" in found:
            raise TargetError(f"the proxy of {self._service}: {found['error']}")
        self._note(found["shortages"])
        return found

    def _note(self, shortages: Json) -> None:
        """Report what the proxy has run short of since it was asked before."""
        counts = shortages if isinstance(shortages, dict) else {}
        for what, value in counts.items():
            count, before = int(str(value)), self._shortages.get(what, 0)
            self._shortages[what] = count
            if count > before:
                self._tell(ProcessShort(time.monotonic(), f"{self._service}-proxy", what, count - before))

    async def lead_to(self, edges: Iterable[str], endpoints: Json) -> None:
        """Send new connections to these replicas, of this proxy and of one that is started after it."""
        self._configuration = {**self._configuration, "endpoints": endpoints}
        for edge in edges:
            with suppress(TargetError):  # one that is being started reads it from its configuration
                await self.ask("endpoints", edge, endpoints=endpoints)

    async def _read(self, lines: asyncio.StreamReader) -> None:
        while (line := await lines.readline()).endswith(b"\n"):
            message = decode(line)
            if "ready" in message:
                self.is_ready = True
                continue
            number = message.get("id")
            waiting = self._waiting.get(number) if isinstance(number, int) else None
            if waiting is not None and not waiting.done():
                waiting.set_result(message)
        self.is_ready = False
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(TargetError(f"the proxy of {self._service} ended"))
