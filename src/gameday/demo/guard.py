"""Every call to a dependency passes here: breaker, slot, deadline, and the count of how it ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from gameday.demo.breaker import Breaker
from gameday.demo.instruments import CallInstruments
from gameday.demo.pool import Pool, QueueFullError
from gameday.demo.toggles import Switches

T = TypeVar("T")
_PATIENCE_S = 30.0  # what a client library waits when nobody has set a timeout


class DependencyError(Exception):
    """A dependency gave no answer; ``reason`` is one word for metrics and headers."""

    def __init__(self, dependency: str, reason: str) -> None:
        """Name the dependency and the reason."""
        super().__init__(f"{dependency}: {reason}")
        self.dependency = dependency
        self.reason = reason


class RefusedError(DependencyError):
    """No call was made: the breaker was open, or no slot was free in time."""


class AwayError(RefusedError):
    """No connection could be opened, so nothing was asked: it is safe to say at once that it was not done."""


class TimedOutError(DependencyError):
    """A call was made and not answered within its deadline."""


class FailedError(DependencyError):
    """A call was made and failed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """
    How far a dependency is trusted.

    Attributes:
        timeout_s: The most that a call may take, waiting for a slot included, while deadlines are on.
        errors: What the client library raises when a call fails.
        away: What says that there is no connection to make the call on.
    """

    timeout_s: float
    errors: tuple[type[Exception], ...]
    away: tuple[type[Exception], ...] = ()


class Guard:
    """
    Guards the calls to one dependency.

    Attributes:
        dependency: Its name.
        breaker: Its breaker; only asked while the toggle is on.
    """

    def __init__(self, dependency: str, limits: Limits, switches: Switches, instruments: CallInstruments) -> None:
        """Start with a closed breaker."""
        self.dependency = dependency
        self.breaker = Breaker(time.monotonic)
        self._limits = limits
        self._switches = switches
        self._instruments = instruments
        instruments.declare(dependency)

    def deadline_s(self, caller_deadline_s: float | None) -> float:
        """Return when a call that begins now must end, on the event loop's clock."""
        now_s = asyncio.get_running_loop().time()
        if not self._switches.current.deadlines:
            return now_s + _PATIENCE_S
        own_s = now_s + self._limits.timeout_s
        return own_s if caller_deadline_s is None else min(own_s, caller_deadline_s)

    async def call(self, work: Callable[[], Awaitable[T]], *, deadline_s: float, pool: Pool | None = None) -> T:
        """
        Make a call, holding a slot of the pool meanwhile.

        Raises:
            RefusedError: It was not made; ``AwayError`` when that was tried.
            TimedOutError: It was made and not answered by ``deadline_s``.
            FailedError: It was made and failed.
        """
        ticket = self._enter()
        try:
            if pool is not None:
                await self._take(pool, deadline_s)
        except BaseException:
            self._abandon(ticket)
            raise
        try:
            return await self._measured(work, deadline_s, ticket)
        finally:
            if pool is not None:
                pool.release()

    def _enter(self) -> int | None:
        if not self._switches.current.breaker:
            return None
        ticket = self.breaker.enter()
        if ticket is None:
            raise self._refused("breaker-open")
        return ticket

    def _abandon(self, ticket: int | None) -> None:
        if ticket is not None:
            self.breaker.abandon(ticket)

    async def _take(self, pool: Pool, deadline_s: float) -> None:
        try:
            async with asyncio.timeout_at(deadline_s):
                await pool.acquire(bounded=self._switches.current.load_shedding)
        except QueueFullError:
            raise self._refused("queue-full") from None
        except TimeoutError:
            raise self._refused("queue-timeout") from None

    def _refused(self, reason: str) -> RefusedError:
        self._instruments.refused(self.dependency)
        return RefusedError(self.dependency, reason)

    async def _measured(self, work: Callable[[], Awaitable[T]], deadline_s: float, ticket: int | None) -> T:
        began_s = time.perf_counter()
        outcome = "ok"
        try:
            async with asyncio.timeout_at(deadline_s):
                return await work()
        except TimeoutError:
            outcome = "timeout"
            raise TimedOutError(self.dependency, outcome) from None
        except self._limits.away as error:
            outcome = "error"
            raise AwayError(self.dependency, "away") from error
        except self._limits.errors as error:
            outcome = "error"
            raise FailedError(self.dependency, outcome) from error
        except asyncio.CancelledError:
            self._abandon(ticket)
            ticket = None
            outcome = "error"
            raise
        finally:
            self._instruments.called(self.dependency, outcome, time.perf_counter() - began_s)
            if ticket is not None:
                self.breaker.record(ticket, ok=outcome == "ok")
