"""Connections of web to PostgreSQL, and its queries."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import asyncpg

from gameday.demo.guard import Guard, Limits
from gameday.demo.instruments import CallInstruments
from gameday.demo.links import Way
from gameday.demo.pools import Pools
from gameday.demo.retries import NEVER_S, Retries
from gameday.demo.schema import DATABASE, WEB_ROLE
from gameday.demo.settings import Link
from gameday.demo.toggles import Switches

TIMEOUT_S = 0.8
WARM = 80  # more than a stampede of the shop needs at once: opening connections must be no part of it
REFILL = 40  # idle connections after a loss; with those in use they stay below what the database accepts
ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
_AGAIN_S = 1.0  # after a failed dial, a pool without jitter tries again
_AT_ONCE = 4
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0


class AwayDatabaseError(Exception):
    """No connection could be opened."""


class Database:
    """
    Hands connections out that are open already; who has a slot of a pool gets one without waiting for another.

    Connections that broke, or whose query was given up, are closed and never handed out again. Who needs one when none is idle dials.
    When nobody answers: with jittered reconnects the request fails at once, and the pool fills up in the background; without, the
    request waits and dials again every second, as pools do by default (HikariCP waits 30 s for a connection).
    """

    def __init__(
        self, link: Link, password: str, *, pools: Pools, switches: Switches, instruments: CallInstruments
    ) -> None:
        """Open nothing yet."""
        self.guard = Guard("database", Limits(TIMEOUT_S, ERRORS, (AwayDatabaseError,)), switches, instruments)
        self._switches = switches
        self._retries = Retries(NEVER_S, switches)
        self._lost = asyncio.Event()
        self._way = Way(link)
        self._password = password
        self._pools = pools
        self._idle: deque[asyncpg.Connection] = deque()

    async def warm(self, count: int) -> None:
        """Open connections until ``count`` are idle. Raises ``OSError`` or ``asyncpg.PostgresError``."""
        missing = max(0, count - len(self._idle))
        opened = await asyncio.gather(*(self._connect() for _ in range(missing)), return_exceptions=True)
        self._idle.extend(each for each in opened if not isinstance(each, BaseException))
        if failed := next((each for each in opened if isinstance(each, BaseException)), None):
            raise failed

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
        repeatable: bool = False,
    ) -> Sequence[asyncpg.Record]:
        """
        Run one query in a compartment and return its rows; ``during`` is held while it runs, not while it waits for a slot.

        A ``repeatable`` one is tried again when its connection broke.

        Raises:
            DependencyError: There was no answer, see ``Guard.call``.
        """

        async def work() -> Sequence[asyncpg.Record]:
            with during or nullcontext():
                return await self.fetch_unguarded(query, *values)

        until_s, pool = self.guard.deadline_s(deadline_s), self._pools.queries(compartment)

        async def call() -> Sequence[asyncpg.Record]:
            return await self.guard.call(work, deadline_s=until_s, pool=pool)

        return await (self._retries.run(call) if repeatable else call())

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

    async def keep_warm(self, count: int) -> None:
        """Until cancelled: after connections were lost, open others until ``count`` are idle, a few at a time after jittered pauses."""
        while True:
            await self._lost.wait()
            self._lost.clear()
            longest_s = _FIRST_PAUSE_S
            while self._switches.current.jittered_reconnect and len(self._idle) < count:
                await asyncio.sleep(random.uniform(0, longest_s))  # noqa: S311 - not for secrets
                try:
                    await self.warm(min(count, len(self._idle) + _AT_ONCE))
                    longest_s = _FIRST_PAUSE_S
                except (*ERRORS, TimeoutError):
                    longest_s = min(2 * longest_s, _LONGEST_PAUSE_S)

    async def _take(self) -> asyncpg.Connection:
        while True:
            while self._idle:
                connection = self._idle.pop()
                if not connection.is_closed():
                    return connection
                self._lost.set()
            try:
                return await self._connect()
            except ERRORS as error:
                if self._switches.current.jittered_reconnect:
                    raise AwayDatabaseError from error
            await asyncio.sleep(_AGAIN_S)

    async def _connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(
            host=self._way.link.host,
            port=self._way.next_port(),
            user=WEB_ROLE,
            password=self._password,
            database=DATABASE,
            timeout=10,
            ssl=False,
            server_settings={"jit": "off"},
        )
