"""Connections of web to PostgreSQL, and its queries."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import asyncpg

from gameday.demo.guard import Guard, Limits
from gameday.demo.instruments import CallInstruments
from gameday.demo.links import Way
from gameday.demo.pools import Pools
from gameday.demo.schema import DATABASE, WEB_ROLE
from gameday.demo.settings import Link
from gameday.demo.toggles import Switches

TIMEOUT_S = 0.8
WARM = 80  # more than a stampede of the shop needs at once: opening connections must be no part of it
ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


class Database:
    """
    Hands connections out that are open already; who has a slot of a pool gets one without waiting for another.

    Connections that broke, or whose query was given up, are closed and never handed out again.
    """

    def __init__(
        self, link: Link, password: str, *, pools: Pools, switches: Switches, instruments: CallInstruments
    ) -> None:
        """Open nothing yet."""
        self.guard = Guard("database", Limits(TIMEOUT_S, ERRORS), switches, instruments)
        self._way = Way(link)
        self._password = password
        self._pools = pools
        self._idle: deque[asyncpg.Connection] = deque()

    async def warm(self, count: int) -> None:
        """Open connections until ``count`` are idle. Raises ``OSError`` or ``asyncpg.PostgresError``."""
        missing = max(0, count - len(self._idle))
        self._idle.extend(await asyncio.gather(*(self._connect() for _ in range(missing))))

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().terminate()

    async def fetch(
        self,
        query: str,
        *values: object,
        compartment: str,
        deadline_s: float | None,
        during: AbstractContextManager[None] | None = None,
    ) -> Sequence[asyncpg.Record]:
        """
        Run one query in a compartment and return its rows; ``during`` is held while it runs, not while it waits for a slot.

        Raises:
            DependencyError: There was no answer, see ``Guard.call``.
        """

        async def work() -> Sequence[asyncpg.Record]:
            with during or nullcontext():
                return await self.fetch_unguarded(query, *values)

        return await self.guard.call(
            work,
            deadline_s=self.guard.deadline_s(deadline_s),
            pool=self._pools.queries(compartment),
        )

    async def fetch_unguarded(self, query: str, *values: object) -> Sequence[asyncpg.Record]:
        """Run one query outside of every pool and count."""
        connection = await self._take()
        try:
            rows: Sequence[asyncpg.Record] = await connection.fetch(query, *values)
        except asyncpg.PostgresError:
            self._idle.append(connection)
            raise
        except BaseException:
            connection.terminate()
            raise
        self._idle.append(connection)
        return rows

    async def _take(self) -> asyncpg.Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return await self._connect()

    async def _connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(
            host="127.0.0.1",
            port=self._way.next_port(),
            user=WEB_ROLE,
            password=self._password,
            database=DATABASE,
            timeout=10,
            ssl=False,
            server_settings={"jit": "off"},
        )
