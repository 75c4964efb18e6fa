"""
Do what the runner asks of a pod's network.

Requests are JSON objects with an ``op``: ``hello``; ``open {edge, side: in, ports, lease_s}`` or ``open {edge, side: out, destinations, lease_s}``,
whose destinations are pairs of host and port; ``delay``, ``blackhole``, ``answer``, ``heal`` and ``state`` as ``agent.proxy`` describes them;
``canary {edge, kind, within_s}``; ``close {edge}``; ``page {port, path}``; ``leave``. Whatever it is asked ends by itself: faults with their
lease, ways with the runner's, the agent when nobody has asked anything for a while.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Mapping

from gameday.agent.canary import question
from gameday.agent.edge import Address
from gameday.agent.pod import canary, connections
from gameday.agent.pod.connections import CannotResetError
from gameday.agent.pod.control import Control, Op, RefusedError, Request, amount, lease_s, port
from gameday.agent.pod.redirected import bind, listen
from gameday.agent.pod.route import own_address, present_gateways
from gameday.agent.pod.table import CANARY_MARK, PROXY_MARK, Entry, Table, TableError, numeric
from gameday.agent.pod.ways import Way, Ways
from gameday.agent.proof import Verifier
from gameday.agent.proxy import act, state_of
from gameday.agent.wire import OPEN_FIRST, PORTS

_RENEWAL_S = 0.7
"""A seventh of the kernel's lease: six renewals may fail."""
_MOST_CANARY_S = 60.0
"""A canary waits for as long as it is told, but not for ever: nobody may be left who wants its answer."""
_RELAYED = 3
"""How many exchanges a canary may be that a mesh's proxy relays: its own handshake with the callee's comes first."""
_PAGE_S = 3.0
"""How long a metrics page may take; the runner reads one every second."""
_PATH = re.compile(r"/[!-~]*")
_MOST_S = 3600.0
_LIMITS: Mapping[str, Mapping[str, float]] = {
    "delay": {"delay_s": _MOST_S, "jitter_s": _MOST_S},
    "blackhole": {},
    "answer": {"status": 599, "share": 1},
}
"""What is injected, and the most of each of its numbers."""


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
                entry = Entry(ports=tuple(dict.fromkeys(map(port, request["ports"]))))
            case "out":
                pairs = ((numeric(host), port(number)) for host, number in request["destinations"])
                entry = Entry(destinations=tuple(dict.fromkeys(pairs)))
            case other:
                raise ValueError(f"side {other!r}; valid: in, out")
        way = await self._ways.lead(str(request["edge"]), entry, lease_s=lease_s(request))
        return await self._state(way)

    async def _act(self, request: Request) -> Mapping[str, object]:
        way = self._ways.way(request["edge"])
        see_valid(request)
        injects = request["op"] in _LIMITS
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
            "spared": sum([await self._table.spared(port) for port in way.entry.ports]),
        }

    async def _canary(self, request: Request) -> Mapping[str, object]:
        way = self._ways.way(request["edge"])
        within_s = min(amount(request, "within_s", _MOST_S), _MOST_CANARY_S)
        asked = question(str(request["kind"]), _path(request.get("path", "/healthz")))
        if way.entry.ports:
            address, mark = (own_address(), way.entry.ports[0]), CANARY_MARK
        else:
            address, mark = way.entry.destinations[0], None

        def opened(local: Address) -> None:
            led = connections.is_led(local, proxy_port=self._table.proxy_port)
            way.edge.count_canary(1 if led else _RELAYED)

        return {"canary_s": await canary.canary_s(address, asked, mark=mark, within_s=within_s, opened=opened)}


async def _page(request: Request) -> Mapping[str, object]:
    address = (own_address(), port(request["port"]))
    page = await canary.read_page(address, _path(request["path"]), mark=PROXY_MARK, within_s=_PAGE_S)
    return {"status": page.status, "text": page.text}


def see_valid(request: Request) -> None:
    """Raise ``ValueError`` or ``KeyError`` for what no edge can do."""
    if request["op"] not in (*_LIMITS, "heal", "state"):
        raise ValueError(
            f"op {request['op']!r}; valid: hello, open, close, {', '.join(_LIMITS)}, heal, state, canary, page, leave"
        )
    for name, most in _LIMITS.get(request["op"], {}).items():
        amount(request, name, most)
    if request["op"] == "answer" and request["status"] not in range(200, 600):
        raise ValueError(f"status {request['status']!r}; valid: a whole number from 200 to 599")


def _path(value: object) -> str:
    if not isinstance(value, str) or not _PATH.fullmatch(value):
        raise ValueError(f"path {value!r}; valid: begins with / and holds no blanks")
    return value


async def serve(verifier: Verifier, *, idle_s: float) -> None:
    """Serve until asked to leave, told to end, or nobody has asked anything for ``idle_s`` with no way open. Raises ``OSError``."""
    gateways = present_gateways()
    sockets = bind()
    table = Table(proxy_port=sockets[0].getsockname()[1], spared=gateways)
    ways = Ways(table, gateways=gateways)
    network = Network(ways, table)
    control = Control(verifier, network.answer)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, network.left.set)
    server = await control.listen(PORTS["network"])
    proxies = await listen(ways.find, sockets)
    while not network.left.is_set() and (ways.open or loop.time() - control.asked_s < idle_s):
        waiting = asyncio.ensure_future(network.left.wait())
        await asyncio.wait([waiting], timeout=_RENEWAL_S)
        waiting.cancel()
        await ways.keep()
    await ways.end()
    server.close()
    for proxy in proxies:
        proxy.close()
