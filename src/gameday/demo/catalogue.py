"""Products: from the cache, from somebody else's query, or from the database."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from gameday.demo.cache import LEASE_S, Cache, CacheAwayError
from gameday.demo.database import Database
from gameday.demo.flight import Flights
from gameday.demo.guard import TimedOutError
from gameday.demo.instruments import CatalogueInstruments
from gameday.demo.schema import PRODUCT_QUERY, WARM_QUERY
from gameday.demo.toggles import Switches

_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Found:
    """
    A product and where it came from.

    Attributes:
        body: Its JSON; empty when there is no such product.
        source: ``hit`` from the cache, ``miss`` by a query of its own, ``shared`` by somebody else's.
        queries: To the database, for this request: 0 or 1.
    """

    body: bytes
    source: Literal["hit", "miss", "shared"]
    queries: int


class Catalogue:
    """Reads products through the cache."""

    def __init__(
        self,
        cache: Cache,
        database: Database,
        *,
        query_s: float,
        switches: Switches,
        instruments: CatalogueInstruments,
    ) -> None:
        """Read through a cache; a query takes ``query_s`` at the database."""
        self._cache = cache
        self._database = database
        self._query_s = query_s
        self._switches = switches
        self._instruments = instruments
        self._flights: Flights[Found] = Flights()

    async def product(self, number: int, deadline_s: float | None) -> Found:
        """
        Return a product.

        Raises:
            DependencyError: The database gave no answer.
        """
        key = f"product:{number}"
        own_s = None if self._switches.current.single_flight else deadline_s  # a shared query keeps nobody's deadline
        try:
            body = await self._cache.get(key)
        except CacheAwayError:
            return await self._missed(key, lambda: self._fetch(number, own_s), deadline_s)
        if body is None:
            return await self._missed(key, lambda: self._fetch_through_cache(key, number, own_s), deadline_s)
        self._instruments.hits.inc()
        return Found(body, "hit", 0)

    async def warm(self, count: int) -> None:
        """Put the first ``count`` products into the cache; these queries are counted by the database only."""
        for row in await self._database.fetch_unguarded(WARM_QUERY, count):
            await self._cache.put(f"product:{row['id']}", _body(row["id"], row["name"], row["price_cents"]))

    def forget(self) -> None:
        """Share no query that began before now."""
        self._flights.forget()

    async def _missed(self, key: str, fetch: Callable[[], Awaitable[Found]], deadline_s: float | None) -> Found:
        self._instruments.misses.inc()
        if not self._switches.current.single_flight:
            return await fetch()
        try:
            async with asyncio.timeout_at(deadline_s):
                found, shared = await self._flights.share(key, fetch)
        except TimeoutError:
            raise TimedOutError("database", "timeout") from None
        if shared or found.source != "miss":
            self._instruments.shared.inc()
            return Found(found.body, "shared", 0)
        return found

    async def _fetch_through_cache(self, key: str, number: int, deadline_s: float | None) -> Found:
        if not self._switches.current.single_flight:
            return await self._fetch_and_store(key, number, deadline_s)
        holder = secrets.token_hex(8)
        try:
            if not await self._cache.take_lease(key, holder):
                body = await self._wait_for_other(key)
                return Found(body, "shared", 0) if body else await self._fetch_and_store(key, number, None)
            body = await self._cache.get(key)  # whoever held the lease before may have stored it just now
        except CacheAwayError:
            return await self._fetch(number, None)
        try:
            return Found(body, "shared", 0) if body else await self._fetch_and_store(key, number, None)
        finally:
            await self._cache.give_lease_back(key, holder)

    async def _fetch_and_store(self, key: str, number: int, deadline_s: float | None) -> Found:
        found = await self._fetch(number, deadline_s)
        if found.body:
            await self._cache.put(key, found.body)
        return found

    async def _fetch(self, number: int, deadline_s: float | None) -> Found:
        rows = await self._database.fetch(
            PRODUCT_QUERY,
            number,
            self._query_s,
            compartment="catalogue",
            deadline_s=deadline_s,
            during=self._instruments.query(),
            repeatable=True,
        )
        body = _body(rows[0]["id"], rows[0]["name"], rows[0]["price_cents"]) if rows else b""
        return Found(body, "miss", 1)

    async def _wait_for_other(self, key: str) -> bytes | None:
        loop = asyncio.get_running_loop()
        until_s = loop.time() + min(LEASE_S, 2 * self._query_s)
        while loop.time() < until_s:
            await asyncio.sleep(_POLL_S)
            if (body := await self._cache.get(key)) is not None:
                return body
        return None


def _body(number: int, name: str, price_cents: int) -> bytes:
    return json.dumps({"id": number, "name": name, "price_cents": price_cents}).encode()
