"""The node's own access to the two stores, past every proxy."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from gameday.agent.keys import script
from gameday.demo.schema import COUNTS_QUERY, DATABASE, OWNER_ROLE, PRODUCT_TABLE, statements
from gameday.targets.local.ports import HOST
from gameday.targets.protocol import Emptied, TargetError

_TIMEOUT_S = 2.0
T = TypeVar("T")


class CacheStore:
    """Redis."""

    def __init__(self, port: int, password: str) -> None:
        """Connect when first needed."""
        self._redis = Redis(
            host=HOST, port=port, password=password, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S
        )

    async def is_ready(self) -> bool:
        """Return whether it answers."""
        try:
            return bool(await self._redis.ping())
        except (RedisError, OSError):
            return False

    async def keys(self, prefix: str | None) -> int:
        """Count keys. Raises ``TargetError``."""
        return (await self._asked(prefix, "count")).before

    async def empty(self, prefix: str | None) -> Emptied:
        """Remove keys; counts and removal are one step for the server. Raises ``TargetError``."""
        return await self._asked(prefix, "empty")

    async def version(self) -> str:
        """Return the server's version. Raises ``TargetError``."""
        information = await self._guarded(self._redis.info("server"))
        return str(information["redis_version"])

    async def close(self) -> None:
        """Close the connections."""
        with suppress(RedisError, OSError):
            await self._redis.aclose()

    async def _asked(self, prefix: str | None, what: str) -> Emptied:
        text, pattern = script(prefix)
        before, after = await self._guarded(self._redis.eval(text, 0, pattern, what))
        return Emptied(before=int(before), after=int(after))

    async def _guarded(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except (RedisError, OSError) as error:
            raise TargetError(
                f"the cache cannot be reached: {error}; if it was killed, try again in a second"
            ) from error


@dataclass(frozen=True, slots=True)
class DatabaseCounts:
    """What PostgreSQL itself counts: scans of the product table since the start, connections now and at most."""

    origin_queries: int
    connections: int
    connections_limit: int


class DatabaseStore:
    """PostgreSQL."""

    def __init__(self, port: int, password: str) -> None:
        """Connect when first needed."""
        self._port = port
        self._password = password
        self._connection: asyncpg.Connection | None = None
        self._one_at_a_time = asyncio.Lock()

    async def is_ready(self) -> bool:
        """Return whether it answers."""
        try:
            await self._ask("SELECT 1")
        except TargetError:
            return False
        return True

    async def create(self, web_password: str) -> None:
        """Create the shop's tables. Raises ``TargetError``."""
        for statement in statements(web_password):
            await self._ask(statement)

    async def counts(self) -> DatabaseCounts:
        """Return what it counts. Raises ``TargetError``."""
        rows = await self._ask(COUNTS_QUERY, PRODUCT_TABLE)
        return DatabaseCounts(*(int(value) for value in rows[0]))

    async def version(self) -> str:
        """Return the server's version. Raises ``TargetError``."""
        return str((await self._ask("SHOW server_version"))[0][0])

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _ask(self, query: str, *values: object) -> Sequence[asyncpg.Record]:
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    if self._connection is None or self._connection.is_closed():
                        self._connection = await self._connect()
                    rows: Sequence[asyncpg.Record] = await self._connection.fetch(query, *values)
                    return rows
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                self.close()
                reason = f"{type(error).__name__}: {error}"
                raise TargetError(f"the database cannot be reached: {reason}; try again in a second") from error

    async def _connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(
            host=HOST, port=self._port, user=OWNER_ROLE, password=self._password, database=DATABASE, ssl=False
        )
