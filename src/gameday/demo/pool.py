"""A bounded number of things that may be done at once, with a queue that may be bounded too: the bulkhead."""

from __future__ import annotations

import asyncio
from collections import deque


class QueueFullError(Exception):
    """The pool's queue has no room; nothing was waited for."""


class Pool:
    """
    Slots that are handed out in the order of asking.

    Attributes:
        name: As the metrics name it.
        limit: How many slots there are.
        in_flight: How many are taken.
    """

    def __init__(self, name: str, limit: int, *, queue_limit: int) -> None:
        """Start with every slot free; ``queue_limit`` is how many may wait when the queue is bounded."""
        self.name = name
        self.limit = limit
        self.in_flight = 0
        self._queue_limit = queue_limit
        self._waiters: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """Return how many wait for a slot."""
        return len(self._waiters)

    async def acquire(self, *, bounded: bool) -> None:
        """
        Take a slot, waiting for one if need be; ``release`` gives it back.

        Raises:
            QueueFullError: The queue is bounded and full.
        """
        if self.in_flight < self.limit:
            self.in_flight += 1
            return
        if bounded and len(self._waiters) >= self._queue_limit:
            raise QueueFullError(self.name)
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():
                self.release()  # the slot came in the same moment
            elif waiter in self._waiters:  # a release may have passed over it already
                self._waiters.remove(waiter)
            raise

    def release(self) -> None:
        """Give a slot back: to whom has waited longest, if anybody does."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self.in_flight -= 1
