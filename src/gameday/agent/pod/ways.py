"""The ways that are open: which connections are led to the proxy, for which edge, and until when."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zlib import crc32

from gameday.agent.edge import Address, Edge
from gameday.agent.pod import connections
from gameday.agent.pod.control import RefusedError
from gameday.agent.pod.table import PROXY_MARK, TTL_S, Entry, Table, TableError
from gameday.agent.wire import OPEN_FIRST

_MOST_DESTINATIONS = 4096
"""Of one way: far above the pods of any callee, and few enough for one transaction."""


@dataclass(slots=True)
class Way:
    """
    An edge's connections, led to the proxy.

    Attributes:
        edge: What the proxy does with them.
        entry: What is led.
        opened_s: When, by the loop's clock; None when it is closed.
        until_s: When the runner's lease ends.
        existing: Connections that were there before and have been reset, since it was first opened.
    """

    edge: Edge
    entry: Entry
    opened_s: float | None = None
    until_s: float = 0.0
    existing: int = 0


class Ways:
    """All of them; a closed one is remembered, because connections that were led through it live on."""

    def __init__(self, table: Table, *, gateways: Sequence[str]) -> None:
        """Open none yet."""
        self._table = table
        self._gateways = gateways
        self._ways: dict[str, Way] = {}
        self._renewed_s = 0.0
        self._changing = asyncio.Lock()  # what is told to the kernel is what is open then

    @property
    def open(self) -> tuple[Way, ...]:
        """Return those that are open."""
        return tuple(way for way in self._ways.values() if way.opened_s is not None)

    def way(self, edge: str) -> Way:
        """Return an edge's way. Raises ``RefusedError`` when none was ever opened."""
        try:
            return self._ways[edge]
        except KeyError:
            known = ", ".join(sorted(self._ways)) or "none"
            raise RefusedError(f"no way is open for {edge!r}; open: {known}; {OPEN_FIRST}") from None

    def find(self, destination: Address) -> Edge | None:
        """Return the edge of a connection that was going to an address; None when none was led here."""
        ways = self._ways.values()
        going = (way.edge for way in ways if destination in way.entry.destinations)
        coming = (way.edge for way in ways if destination[1] in way.entry.ports)
        return next(going, None) or next(coming, None)

    async def lead(self, edge: str, entry: Entry, *, lease_s: float) -> Way:
        """
        Open a way or renew it, with the destinations of now; connections that go past it are reset. Idempotent.

        Raises:
            ValueError: The entry is out of range.
            RefusedError: The edge is open on its other side.
            TableError, CannotResetError, OSError: The kernel refused, or could not be asked.
        """
        self._check(entry)
        async with self._changing:
            return await self._lead(edge, entry, lease_s)

    async def _lead(self, edge: str, entry: Entry, lease_s: float) -> Way:
        way = self._ways.setdefault(edge, Way(Edge(edge, (), seed=crc32(edge.encode())), entry))
        if bool(way.entry.ports) != bool(entry.ports):
            raise RefusedError(f"{edge!r} is open on its other side; an edge has one")
        now_s = asyncio.get_running_loop().time()
        is_new = way.opened_s is None or way.entry != entry
        way.entry = entry
        self.renew(way, lease_s)
        way.opened_s = way.opened_s or now_s
        if is_new or not self._table.is_there:
            try:
                await self._lay()
            except (TableError, connections.CannotResetError, OSError):
                way.opened_s = None
                raise
        return way

    def renew(self, way: Way, lease_s: float) -> None:
        """Keep a way open for at least so long from now."""
        way.until_s = max(way.until_s, asyncio.get_running_loop().time() + lease_s)

    async def close(self, closing: Iterable[Way]) -> None:
        """End faults, then lead no new connections here; those that are here live on. Idempotent. Raises ``TableError``."""
        async with self._changing:
            await self._close(closing)

    async def _close(self, closing: Iterable[Way]) -> None:
        for way in closing:
            way.edge.heal()
            way.opened_s, way.until_s = None, 0.0
        if self._table.is_there:
            await self._table.renew(self._entries())

    async def keep(self) -> None:
        """Renew what is open, close what the runner has left, and remove the table when nobody needs it; to be called every second or so."""
        try:
            async with self._changing:
                await self._keep()
        except (TableError, connections.CannotResetError, OSError) as error:
            print(f"gameday agent: {error}", file=sys.stderr, flush=True)  # noqa: T201 - the container's log

    async def _keep(self) -> None:
        now_s = asyncio.get_running_loop().time()
        over = [way for way in self.open if way.until_s <= now_s]
        if over:
            await self._close(over)
        if not self.open:
            await self._remove_unused()
        elif not self._table.is_there or now_s - self._renewed_s > TTL_S:
            await self._lay()  # it was gone for a while: connections may have gone past
        else:
            await self._table.renew(self._entries())
            self._renewed_s = now_s

    async def end(self) -> None:
        """End every fault, close every way and remove the table. Raises ``TableError``."""
        async with self._changing:
            await self._close(self.open)
            for way in self._ways.values():
                for connection in tuple(way.edge.live):
                    connection.end()
            await self._table.remove()

    async def _lay(self) -> None:
        await self._table.lay(self._entries())
        self._renewed_s = asyncio.get_running_loop().time()
        for way in self.open:
            way.existing += connections.reset(self._past(way.entry))

    async def _remove_unused(self) -> None:
        """Remove the table, unless connections live that need it to be translated."""
        if self._table.is_there and not any(way.edge.live for way in self._ways.values()):
            await self._table.remove()

    def _entries(self) -> Sequence[Entry]:
        return [way.entry for way in self.open]

    def _past(self, entry: Entry) -> list[connections.Connection]:
        if entry.ports:
            return connections.to_ports(entry.ports, spared=self._gateways)
        return connections.from_pod(entry.destinations, mark=PROXY_MARK)

    def _check(self, entry: Entry) -> None:
        if self._table.proxy_port in entry.ports:
            raise ValueError(f"port {self._table.proxy_port} is the proxy's own")
        if not 0 < len(entry.destinations or entry.ports) <= _MOST_DESTINATIONS:
            raise ValueError(f"{len(entry.destinations)} destinations; valid: 1 to {_MOST_DESTINATIONS}")
