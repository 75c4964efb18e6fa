"""
Do what the runner asks of the processes of one container, from within their process namespace.

Requests are JSON objects with an ``op``: ``hello``; ``pause {lease_s}``, ``resume``, ``state``; ``crash``, ``may-crash``; ``stress {cores, memory_bytes, most_cores, most_bytes,
lease_s}``, ``stressed``, ``relax``; ``cache-keys {prefix, port}``, ``empty-cache {prefix, port}``, ``ping {kind, port}``; ``leave``. What it holds
ends by its lease, and at the latest with the agent itself.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping

from gameday.agent.pod import stores
from gameday.agent.pod.control import Control, Op, RefusedError, Request, lease_s
from gameday.agent.pod.helper import Helper
from gameday.agent.pod.pausing import Pause
from gameday.agent.pod.stressing import Stressor
from gameday.agent.wire import PORTS

_PORTS = {"redis": 6379, "postgres": 5432}
"""Where a store listens when a request does not say: its own default."""
_FIRST = 1  # of the namespace: the container's own process, whose end is the container's
_ANSWERED_S = 0.05
"""What an answer takes from here to the API server, which is milliseconds."""
_LOOK_S = 1.0
"""How often it is seen whether anybody still asks; an idle agent may live a second longer."""


class Processes:
    """Answers requests about the processes of the container that it runs beside."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._pause = Pause()
        self._stressor = Stressor()
        self._password = os.environ.get("GAMEDAY_PASSWORD", "")
        self._one_at_a_time = asyncio.Lock()
        self.left = asyncio.Event()
        self._ops: Mapping[str, Op] = {
            "hello": self._hello,
            "pause": self._paused,
            "resume": self._resumed,
            "state": self._state,
            "crash": self._crash,
            "may-crash": self._may_crash,
            "stress": self._stress,
            "stressed": self._stressed,
            "relax": self._relax,
            "cache-keys": self._cache_keys,
            "empty-cache": self._empty_cache,
            "ping": self._ping,
            "leave": self._leave,
        }

    @property
    def is_busy(self) -> bool:
        """Tell whether it holds anything."""
        return self._pause.is_on or self._stressor.is_on

    async def answer(self, request: Request) -> Mapping[str, object]:
        """Do what a request asks; see ``control.Control`` for what it may raise."""
        op = self._ops.get(str(request["op"]))
        if op is None:
            raise ValueError(f"op {request['op']!r}; valid: {', '.join(self._ops)}")
        if op == self._ping:
            # It waits for the store, which may be held, and changes nothing: leases are renewed meanwhile.
            return await op(request)
        async with self._one_at_a_time:
            return await op(request)

    async def end(self) -> None:
        """Let everything go on; idempotent."""
        await self._pause.resume()
        await self._stressor.relax()

    async def _hello(self, _: Request) -> Mapping[str, object]:
        return {"run": os.environ.get("GAMEDAY_RUN", ""), "pid": os.getpid(), "uid": os.getuid()}

    async def _paused(self, request: Request) -> Mapping[str, object]:
        await self._pause.pause(lease_s(request))
        return self._pause.state()

    async def _resumed(self, _: Request) -> Mapping[str, object]:
        await self._pause.resume()
        return self._pause.state()

    async def _state(self, _: Request) -> Mapping[str, object]:
        return self._pause.state()

    async def _crash(self, _: Request) -> Mapping[str, object]:
        """End the container's first process, and with it all others, this one too: so it is answered before."""
        helper = await _tracing("crash")
        asyncio.get_running_loop().call_later(_ANSWERED_S, helper.say, "now")
        return {"crashing": _FIRST}

    async def _may_crash(self, _: Request) -> Mapping[str, object]:
        """Trace it only, and let go."""
        helper = await _tracing("try")
        await helper.end()
        return {"crashing": None}

    async def _stress(self, request: Request) -> Mapping[str, object]:
        wanted = {name: float(request[name]) for name in ("cores", "memory_bytes", "most_cores", "most_bytes")}
        if min(wanted.values()) < 0:
            raise ValueError(f"{wanted}; valid: none below 0")
        self._stressor.stress(**wanted, lease_s=lease_s(request))
        return self._stressor.used()

    async def _stressed(self, _: Request) -> Mapping[str, object]:
        return self._stressor.used()

    async def _relax(self, _: Request) -> Mapping[str, object]:
        await self._stressor.relax()
        return self._stressor.used()

    async def _cache_keys(self, request: Request) -> Mapping[str, object]:
        counted = await self._keys(request, "count")
        return {"keys": counted["after"]}

    async def _empty_cache(self, request: Request) -> Mapping[str, object]:
        return await self._keys(request, "empty")

    async def _keys(self, request: Request, what: str) -> Mapping[str, object]:
        prefix = request.get("prefix")
        port = int(request.get("port", _PORTS["redis"]))
        return await stores.keys(None if prefix is None else str(prefix), what=what, port=port, password=self._password)

    async def _ping(self, request: Request) -> Mapping[str, object]:
        kind = str(request["kind"])
        port = int(request.get("port", _PORTS.get(kind, 0)))
        return {"ready": await stores.is_ready(kind, port=port, password=self._password)}

    async def _leave(self, _: Request) -> Mapping[str, object]:
        await self.end()
        self.left.set()
        return {"left": True}


async def _tracing(what: str) -> Helper:
    """Start what traces the container's first process. Raises ``RefusedError`` when it may not."""
    helper = Helper("gameday.agent.pod.crash", str(_FIRST), what)
    try:
        said = await helper.hear()
    except TimeoutError:
        said = "failed: it did not answer in time"
    if said != "ready":
        await helper.end()
        raise RefusedError(f"crash: {said.removeprefix('failed').strip() or 'its process ended'}")
    return helper


async def serve(token: str, *, idle_s: float) -> None:
    """Serve until asked to leave, told to end, or nobody has asked anything for ``idle_s`` with nothing held. Raises ``OSError``."""
    processes = Processes()
    control = Control(token, processes.answer)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, processes.left.set)
    server = await control.listen(PORTS["process"])
    while not processes.left.is_set() and (processes.is_busy or loop.time() - control.asked_s < idle_s):
        waiting = asyncio.ensure_future(processes.left.wait())
        await asyncio.wait([waiting], timeout=_LOOK_S)
        waiting.cancel()
    await processes.end()
    server.close()
