"""
Do what the runner asks of a pod's network.

Requests are JSON objects with an ``op``: ``hello``; ``open {edge, side, port, hosts, lease_s}``; ``delay``, ``blackhole``, ``answer``, ``heal``
and ``state`` as ``agent.proxy`` describes them; ``canary {edge, kind, within_s}``; ``close {edge}``; ``page {port, path}``; ``leave``. Whatever
it is asked ends by itself: faults with their lease, ways with the runner's, the agent when nobody has asked anything for a while.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Mapping

from gameday.agent.canary import question
from gameday.agent.pod import canary
from gameday.agent.pod.connections import CannotResetError
from gameday.agent.pod.control import Control, Op, RefusedError, Request, lease_s
from gameday.agent.pod.redirected import listen
from gameday.agent.pod.route import own_address, present_gateway
from gameday.agent.pod.table import CANARY_MARK, PROXY_MARK, Entry, Table, TableError
from gameday.agent.pod.ways import Way, Ways
from gameday.agent.proxy import act, state_of
from gameday.agent.wire import OPEN_FIRST, PORTS

_RENEWAL_S = 0.7
"""A seventh of the kernel's lease: six renewals may fail."""
_MOST_CANARY_S = 60.0
"""A canary waits for as long as it is told, but not for ever: nobody may be left who wants its answer."""
_PAGE_S = 3.0
"""How long a metrics page may take; the runner reads one every second."""
_PATH = re.compile(r"/[!-~]*")


class Network:
    """Answers requests about the network of the pod that it runs in."""

    def __init__(self, ways: Ways, table: Table) -> None:
        """Open nothing yet."""
        self._ways = ways
        self._table = table
        self.left = asyncio.Event()
        self._ops: Mapping[str, Op] = {
            "hello": self._hello,
            "open": self._open,
            "close": self._close,
            "canary": self._canary,
            "page": _page,
            "leave": self._leave,
        }

    async def answer(self, request: Request) -> Mapping[str, object]:
        """Do what a request asks; see ``control.Control`` for what it may raise."""
        op = self._ops.get(str(request["op"]), self._act)
        try:
            return await op(request)
        except (TableError, CannotResetError, OSError) as error:
            raise RefusedError(f"{request['op']}: {error or type(error).__name__}") from error

    async def _hello(self, _: Request) -> Mapping[str, object]:
        return {"run": os.environ.get("GAMEDAY_RUN", ""), "pid": os.getpid(), "address": own_address()}

    async def _leave(self, _: Request) -> Mapping[str, object]:
        await self._ways.end()
        self.left.set()
        return {"left": True}

    async def _close(self, request: Request) -> Mapping[str, object]:
        way = self._ways.way(request["edge"])
        await self._ways.close([way])
        return await self._state(way)

    async def _open(self, request: Request) -> Mapping[str, object]:
        match request["side"]:
            case "in":
                hosts = None
            case "out":
                hosts = tuple(dict.fromkeys(str(host) for host in request["hosts"]))
            case other:
                raise ValueError(f"side {other!r}; valid: in, out")
        entry = Entry(int(request["port"]), hosts)
        way = await self._ways.lead(str(request["edge"]), entry, lease_s=lease_s(request))
        return await self._state(way)

    async def _act(self, request: Request) -> Mapping[str, object]:
        way = self._ways.way(request["edge"])
        injects = request["op"] in ("delay", "blackhole", "answer")
        if injects and way.opened_s is None:
            raise RefusedError(f"the way of {request['edge']!r} is closed; {OPEN_FIRST}")
        if "lease_s" in request and way.opened_s is not None:
            self._ways.renew(way, lease_s(request))
        act(way.edge, request)
        return await self._state(way)

    async def _state(self, way: Way) -> Mapping[str, object]:
        now_s = asyncio.get_running_loop().time()
        return {
            **state_of(way.edge),
            "open": way.opened_s is not None,
            "since_s": None if way.opened_s is None else round(now_s - way.opened_s, 3),
            "lease_s": round(max(0.0, way.until_s - now_s), 3),
            "existing": way.existing,
            "spared": await self._table.spared(way.entry.port) if way.entry.hosts is None else 0,
        }

    async def _canary(self, request: Request) -> Mapping[str, object]:
        entry = self._ways.way(request["edge"]).entry
        within_s = min(float(request["within_s"]), _MOST_CANARY_S)
        asked = question(str(request["kind"]), _path(request.get("path", "/healthz")))
        if entry.hosts is None:
            address, mark = (own_address(), entry.port), CANARY_MARK
        else:
            address, mark = (str(request.get("host", entry.hosts[0])), entry.port), None
        return {"canary_s": await canary.canary_s(address, asked, mark=mark, within_s=within_s)}


async def _page(request: Request) -> Mapping[str, object]:
    address = (own_address(), int(request["port"]))
    page = await canary.read_page(address, _path(request["path"]), mark=PROXY_MARK, within_s=_PAGE_S)
    return {"status": page.status, "text": page.text}


def _path(value: object) -> str:
    if not isinstance(value, str) or not _PATH.fullmatch(value):
        raise ValueError(f"path {value!r}; valid: begins with / and holds no blanks")
    return value


async def serve(token: str, *, idle_s: float) -> None:
    """Serve until asked to leave, told to end, or nobody has asked anything for ``idle_s`` with no way open. Raises ``OSError``."""
    gateway = present_gateway()
    table = Table(spared=gateway)
    ways = Ways(table, gateway=gateway)
    network = Network(ways, table)
    control = Control(token, network.answer)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, network.left.set)
    proxy = await listen(ways.find)
    server = await control.listen(PORTS["network"])
    while not network.left.is_set() and (ways.open or loop.time() - control.asked_s < idle_s):
        waiting = asyncio.ensure_future(network.left.wait())
        await asyncio.wait([waiting], timeout=_RENEWAL_S)
        waiting.cancel()
        await ways.keep()
    await ways.end()
    server.close()
    proxy.close()
