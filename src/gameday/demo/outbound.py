"""Calls of web to the other services."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import aiohttp

from gameday.demo.guard import FailedError, Guard, Limits, RefusedError
from gameday.demo.instruments import CallInstruments
from gameday.demo.links import Way
from gameday.demo.pools import Pools
from gameday.demo.retries import AT_ONCE_S, Retries
from gameday.demo.service import Context
from gameday.demo.settings import Link
from gameday.demo.toggles import Switches

ERRORS = (aiohttp.ClientError, OSError)
_REFUSED = 503


class Remote:
    """One service that web calls."""

    def __init__(
        self,
        name: str,
        link: Link,
        *,
        timeout_s: float,
        pools: Pools,
        switches: Switches,
        instruments: CallInstruments,
        session: aiohttp.ClientSession,
        repeatable: bool = True,
    ) -> None:
        """Call over a link; the session is shared, its connections are kept open. ``repeatable`` calls may be made twice."""
        self.guard = Guard(name, Limits(timeout_s, ERRORS), switches, instruments)
        self._retries = Retries(AT_ONCE_S, switches, repeatable=repeatable)
        self._way = Way(link)
        self._pools = pools
        self._switches = switches
        self._session = session

    async def ask(self, method: str, path: str, context: Context) -> bytes:
        """
        Send one request and return the body of its answer.

        Raises:
            RefusedError: It was not made, or the service itself refused it with 503.
            DependencyError: There was no good answer, see ``Guard.call``.
        """
        deadline_s = self.guard.deadline_s(context.deadline_s)
        passed = replace(context, deadline_s=deadline_s if self._switches.current.deadlines else None)
        pool = self._pools.outbound(self.guard.dependency)

        async def call() -> bytes:
            return await self.guard.call(lambda: self._send(method, path, passed), deadline_s=deadline_s, pool=pool)

        try:
            return await self._retries.run(call)
        except FailedError as error:
            if isinstance(error.__cause__, aiohttp.ClientResponseError) and error.__cause__.status == _REFUSED:
                raise RefusedError(self.guard.dependency, "refused") from error
            raise

    async def _send(self, method: str, path: str, context: Context) -> bytes:
        headers = context.headers(asyncio.get_running_loop().time())
        url = f"http://{self._way.link.host}:{self._way.next_port()}{path}"
        async with self._session.request(method, url, headers=headers, raise_for_status=True) as response:
            return await response.read()


def open_session() -> aiohttp.ClientSession:
    """Open the session: as many connections as the pools allow, kept open, without cookies and without a timeout of its own."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=3600),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
    )
