"""The product cache in Redis: values with an expiry, and leases that let one replica fetch for all."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gameday.demo.guard import DependencyError, Guard, Limits
from gameday.demo.instruments import CallInstruments
from gameday.demo.links import Way
from gameday.demo.retries import REDIS_DEFAULT_S, Retries
from gameday.demo.settings import Link
from gameday.demo.toggles import Switches

T = TypeVar("T")
EXPIRY_S = 600
JITTER = 0.1
LEASE_S = 3.0
_TIMEOUT_S = 0.2  # far above a healthy answer, so that a busy machine's pauses do not empty the cache
_ERRORS = (RedisError, OSError)
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class CacheAwayError(Exception):
    """The cache did not answer; what it holds is not known."""


class Cache:
    """A cache that may be away at any time; writing to it is then in vain but no error."""

    def __init__(self, link: Link, password: str, *, switches: Switches, instruments: CallInstruments) -> None:
        """Open nothing yet."""
        self.guard = Guard("cache", Limits(_TIMEOUT_S, _ERRORS), switches, instruments)
        self._retries = Retries(REDIS_DEFAULT_S, switches)
        self._switches = switches
        self._way = Way(link)
        self._clients = {port: _client(link.host, port, password) for port in {link.port, link.direct_port}}

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.aclose()

    async def get(self, key: str) -> bytes | None:
        """Return a value, None when there is none. Raises ``CacheAwayError``."""

        async def read(client: Redis) -> bytes | None:
            value = await client.get(key)
            return value.encode() if isinstance(value, str) else value

        return await self._ask(read)

    async def put(self, key: str, value: bytes) -> None:
        """Store a value until it expires."""
        jitter = random.uniform(-JITTER, JITTER) if self._switches.current.jittered_expiry else 0.0  # noqa: S311 - not for secrets
        expiry_ms = round(EXPIRY_S * (1 + jitter) * 1000)
        with suppress(CacheAwayError):
            await self._ask(lambda client: client.set(key, value, px=expiry_ms))

    async def take_lease(self, key: str, holder: str) -> bool:
        """Return whether ``holder`` may fetch the key for all replicas. Raises ``CacheAwayError``."""

        async def take(client: Redis) -> bool:
            return bool(await client.set(f"lease:{key}", holder, nx=True, px=round(LEASE_S * 1000)))

        return await self._ask(take)

    async def give_lease_back(self, key: str, holder: str) -> None:
        """End a lease, unless it has passed to somebody else."""
        with suppress(CacheAwayError):
            await self._ask(lambda client: client.eval(_RELEASE, 1, f"lease:{key}", holder))

    async def _ask(self, work: Callable[[Redis], Awaitable[T]]) -> T:
        client = self._clients[self._way.next_port()]
        deadline_s = self.guard.deadline_s(None)
        try:
            return await self._retries.run(lambda: self.guard.call(lambda: work(client), deadline_s=deadline_s))
        except DependencyError as error:
            raise CacheAwayError(error.reason) from error


def _client(host: str, port: int, password: str) -> Redis:
    return Redis(host=host, port=port, password=password, retry=Retry(NoBackoff(), 0), max_connections=500)
