"""The edge of the shop: product, login, checkout, recommendations and image."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gameday.demo.cache import Cache
from gameday.demo.catalogue import Catalogue
from gameday.demo.control import Control
from gameday.demo.database import ERRORS, REFILL, WARM, Database
from gameday.demo.guard import Guard
from gameday.demo.instruments import CallInstruments, CatalogueInstruments, StateCollector
from gameday.demo.outbound import Remote, open_session
from gameday.demo.pools import Pools
from gameday.demo.service import Handler, Service, run
from gameday.demo.settings import CACHE_PASSWORD, DATABASE_PASSWORD, Settings, read_settings
from gameday.demo.shop import Shop, careful
from gameday.demo.toggles import Switches, Toggles

RECOMMENDATIONS_TIMEOUT_S = 0.2
PAYMENTS_TIMEOUT_S = 0.5
IMAGES_TIMEOUT_S = 0.9
_FIRST = 10  # connections that must be open before web is ready; the others follow in the background
_RETRY_S = 0.1


class Readiness:
    """Whether web can do its work: its first connections to the database have been opened once."""

    def __init__(self) -> None:
        """Start unready."""
        self.is_ready = False

    async def warm(self, database: Database) -> None:
        """Open connections until there are enough, and see that it stays so; try again while the database is away."""
        # One alone until the database is there: it writes each vain attempt into its log.
        for count in (1, _FIRST, WARM):
            while True:
                try:
                    await database.warm(count)
                    break
                except (*ERRORS, TimeoutError):
                    await asyncio.sleep(_RETRY_S)
            self.is_ready = count >= _FIRST
        await database.keep_warm(REFILL)


@asynccontextmanager
async def resources(service: Service, settings: Settings, readiness: Readiness) -> AsyncIterator[None]:
    """Open what web works with, add its routes, and close it all in the end."""
    switches = Switches(Toggles().changed(settings.toggles))
    pools, calls = Pools(switches), CallInstruments(service.registry)
    database = Database(
        settings.links["database"],
        os.environ[DATABASE_PASSWORD],
        pools=pools,
        switches=switches,
        instruments=calls,
    )
    cache = Cache(settings.links["cache"], os.environ[CACHE_PASSWORD], switches=switches, instruments=calls)
    catalogue = Catalogue(
        cache,
        database,
        query_s=settings.query_s,
        switches=switches,
        instruments=CatalogueInstruments(service.registry),
    )
    async with open_session() as session:

        def remote(name: str, timeout_s: float, *, repeatable: bool = True) -> Remote:
            return Remote(
                name,
                settings.links[name],
                timeout_s=timeout_s,
                pools=pools,
                switches=switches,
                instruments=calls,
                session=session,
                repeatable=repeatable,
            )

        shop = Shop(
            catalogue,
            database,
            remote("recommendations", RECOMMENDATIONS_TIMEOUT_S),
            remote("payments", PAYMENTS_TIMEOUT_S, repeatable=False),
            remote("images", IMAGES_TIMEOUT_S),
            switches,
        )
        _add_routes(service, shop, cache)
        service.registry.register(
            StateCollector(pools.in_use, [(guard.dependency, guard.breaker) for guard in _guards(shop, cache)])
        )
        warming = asyncio.ensure_future(readiness.warm(database))
        try:
            yield
        finally:
            warming.cancel()
            database.close()
            await cache.close()


def _add_routes(service: Service, shop: Shop, cache: Cache) -> None:
    def add(method: str, path: str, name: str, handler: Handler) -> None:
        service.route(method, path, name, careful(handler, shop.switches, service.requests))

    add("GET", r"/product/{id:\d{1,9}}", "product", shop.product)
    add("POST", "/login", "login", shop.login)
    add("POST", "/checkout", "checkout", shop.checkout)
    add("GET", r"/recommendations/{id:\d{1,9}}", "recommendations", shop.recommend)
    add("GET", r"/image/{id:\d{1,9}}", "image", shop.image)

    async def begin_afresh(warm: int) -> None:
        for guard in _guards(shop, cache):
            guard.breaker.reset()
        shop.catalogue.forget()
        await shop.catalogue.warm(warm)

    Control(shop.switches, begin_afresh, service.log).add_to(service.app)


def _guards(shop: Shop, cache: Cache) -> tuple[Guard, ...]:
    return (shop.recommendations.guard, shop.payments.guard, shop.images.guard, shop.database.guard, cache.guard)


def main() -> None:
    """Run it."""
    settings = read_settings()
    readiness = Readiness()
    service = Service(settings.service, ready=lambda: readiness.is_ready)
    run(service, settings, resources(service, settings, readiness))


if __name__ == "__main__":
    main()
