"""
Publish what the shop's database counts, for clusters: a sidecar of PostgreSQL, as exporters are. ``python -m gameday.demo.exporter PORT``.

Counters begin with this process and never fall, although PostgreSQL's own begin anew after a crash.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping

import asyncpg
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics, generate_latest

from gameday.demo.schema import COUNTS_QUERY, DATABASE, OWNER_ROLE, PRODUCT_TABLE

PASSWORD = "SHOP_OWNER_PASSWORD"  # noqa: S105 - the variable's name
_TIMEOUT_S = 1.0


class Exporter:
    """The page of one database; asks it whenever the page is read."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """Connect when first asked. Raises ``KeyError`` without a password."""
        self._password = environment[PASSWORD]
        self._connection: asyncpg.Connection | None = None
        self._one_at_a_time = asyncio.Lock()
        self._last: int | None = None
        self._registry = CollectorRegistry()
        self._queries = Counter("database_origin_queries", "Scans of the product table", registry=self._registry)
        self._connections = Gauge("database_connections", "Connections of clients", registry=self._registry)
        self._limit = Gauge("database_connections_limit", "Connections it accepts", registry=self._registry)

    async def page(self, _: web.Request) -> web.Response:
        """Answer with the counts of now, or with 503 while the database does not answer."""
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    row = await self._ask()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                self._drop()
                return web.Response(status=503, text=f"the database does not answer: {type(error).__name__}\n")
            self._take(*map(int, row))
        return web.Response(body=generate_latest(self._registry), content_type="text/plain")

    async def _ask(self) -> asyncpg.Record:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                host="127.0.0.1", user=OWNER_ROLE, password=self._password, database=DATABASE, ssl=False
            )
        return await self._connection.fetchrow(COUNTS_QUERY, PRODUCT_TABLE)

    def _take(self, queries: int, connections: int, limit: int) -> None:
        if self._last is not None:
            self._queries.inc(queries - self._last if queries >= self._last else queries)
        self._last = queries
        self._connections.set(connections)
        self._limit.set(limit)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


def main(port: int) -> None:
    """Serve on all addresses of the pod until SIGTERM."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the library does not type it

    async def app() -> web.Application:
        served = web.Application()
        served.router.add_get("/metrics", Exporter().page)
        return served

    web.run_app(app(), port=port, access_log=None, print=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
