"""
Do what the runner asks of the processes of one container, from within their process namespace.

Requests are JSON objects with an ``op``: ``hello``, ``rights``; ``pause {lease_s}``, ``may-pause``, ``resume``, ``state``; ``crash``, ``may-crash``; ``stress {cores, memory_bytes, most_cores, most_bytes,
lease_s}``, ``stressed``, ``relax``; ``cache-keys {prefix, port}``, ``empty-cache {prefix, port}``, ``ping {kind,
port}``; ``callers``; ``leave``. What it holds ends by its lease, and at the latest with the agent itself.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping

from gameday.agent.pod import stores
from gameday.agent.pod.callers import Callers
from gameday.agent.pod.control import Control, Op, RefusedError, Request, amount, lease_s, port
from gameday.agent.pod.helper import Helper
from gameday.agent.pod.hold import FIRST, rights
from gameday.agent.pod.pausing import Pause
from gameday.agent.pod.route import present_gateways
from gameday.agent.pod.stressing import Stressor
from gameday.agent.proof import Verifier
from gameday.agent.wire import PORTS

_PORTS = {"redis": 6379, "postgres": 5432}
"""Where a store listens when a request does not say: its own default."""
_MOST: Mapping[str, float] = {"cores": 1e4, "memory_bytes": 1e15, "most_cores": 1e4, "most_bytes": 1e15}
"""Of a stress: more than any node has, and what a helper can still count with."""
_MOST_PREFIX = 1024
_ANSWERED_S = 0.05
"""What an answer takes from here to the API server, which is milliseconds."""
_LOOK_S = 1.0
"""How often it is seen whether anybody still asks; an idle agent may live a second longer."""


class Processes:
    """Answers requests about the processes of the container that it runs beside."""

    def __init__(self, callers: Callers) -> None:
        """Hold nothing yet."""
        self._callers = callers
        self._pause = Pause()
        self._stressor = Stressor()
        self._password = os.environ.get("GAMEDAY_PASSWORD", "")
        self._one_at_a_time = asyncio.Lock()
        self.left = asyncio.Event()
        self._ops: Mapping[str, Op] = {
            "hello": self._hello,
            "rights": self._rights,
            "pause": self._paused,
            "may-pause": self._may_pause,
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
            "callers": self._called,
            "leave": self._leave,
        }

    @property
    def is_busy(self) -> bool:
        """Return whether it holds anything."""
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
        """Release everything; idempotent."""
        await self._pause.resume()
        await self._stressor.relax()

    async def _hello(self, _: Request) -> Mapping[str, object]:
        return {"run": os.environ.get("GAMEDAY_RUN", ""), "pid": os.getpid(), "uid": os.getuid()}

    async def _rights(self, _: Request) -> Mapping[str, object]:
        """Return as whom the container's first process runs, and as whom this one: only the same may trace it."""
        return {"first": rights(FIRST), "agent": rights("self")}

    async def _may_pause(self, _: Request) -> Mapping[str, object]:
        await self._pause.see_allowed()
        return self._pause.state()

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
        return {"crashing": FIRST}

    async def _may_crash(self, _: Request) -> Mapping[str, object]:
        """Trace it only, and let go."""
        helper = await _tracing("try")
        await helper.end()
        return {"crashing": None}

    async def _stress(self, request: Request) -> Mapping[str, object]:
        wanted = {name: amount(request, name, most) for name, most in _MOST.items()}
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
        if prefix is not None and not (isinstance(prefix, str) and len(prefix) <= _MOST_PREFIX):
            raise ValueError(
                f"prefix {str(prefix)[:80]!r}; valid: text of at most {_MOST_PREFIX} characters, or null for all keys"
            )
        at = port(request.get("port", _PORTS["redis"]))
        return await stores.keys(prefix, what=what, port=at, password=self._password)

    async def _ping(self, request: Request) -> Mapping[str, object]:
        kind = str(request["kind"])
        if kind not in _PORTS:
            raise ValueError(f"kind {kind!r}; valid: {', '.join(_PORTS)}")
        at = port(request.get("port", _PORTS[kind]))
        return {"ready": await stores.is_ready(kind, port=at, password=self._password)}

    async def _called(self, _: Request) -> Mapping[str, object]:
        return {"hosts": self._callers.hosts()}

    async def _leave(self, _: Request) -> Mapping[str, object]:
        await self.end()
        self.left.set()
        return {"left": True}


async def _tracing(what: str) -> Helper:
    """Start what traces the container's first process. Raises ``RefusedError`` when it may not."""
    helper = Helper("gameday.agent.pod.crash", str(FIRST), what)
    try:
        said = await helper.hear()
    except TimeoutError:
        said = "failed: it did not answer in time"
    if said != "ready":
        await helper.end()
        raise RefusedError(f"crash: {said.removeprefix('failed').strip() or 'its process ended'}")
    return helper


async def serve(verifier: Verifier, *, idle_s: float) -> None:
    """Serve until asked to leave, told to end, or nobody has asked anything for ``idle_s`` with nothing held. Raises ``OSError``."""
    callers = Callers(spared=present_gateways())
    processes = Processes(callers)
    control = Control(verifier, processes.answer)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, processes.left.set)
    server = await control.listen(PORTS["process"])
    while not processes.left.is_set() and (processes.is_busy or loop.time() - control.asked_s < idle_s):
        waiting = asyncio.ensure_future(processes.left.wait())
        await asyncio.wait([waiting], timeout=_LOOK_S)
        waiting.cancel()
        callers.look()
    await processes.end()
    callers.end()
    server.close()
