"""Try a call again: within a budget and after a jittered pause, or as client libraries do when nobody has told them otherwise."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

from gameday.demo.guard import FailedError
from gameday.demo.toggles import Switches

T = TypeVar("T")

RATIO = 0.1
"""What a call adds to the budget; a retry costs 1. Google's SRE book, chapter 21, holds a client's retries to a tenth."""
MOST = 10.0
"""What the budget holds at most, and begins with."""
PAUSE_S = (0.01, 0.05)
"""A retry waits for a time drawn from this range, so that those who failed together do not come again together."""

REDIS_DEFAULT_S: Sequence[float] = (2.0, 4.0, 8.0)
"""redis-py 6 and later: three retries, each after a time drawn from zero to this (``ExponentialWithJitterBackoff``, base 1 s)."""
AT_ONCE_S: Sequence[float] = (0.0, 0.0)
"""Three tries in a row, as hand-written loops have it."""
NEVER_S: Sequence[float] = ()


class Retries:
    """
    Retries of the calls to one dependency.

    Args:
        careless_s: The longest pause before each retry while there is no budget.
        switches: Whether there is one.
        repeatable: Whether doing it twice is as good as once; with a budget, other calls are not tried again.
    """

    def __init__(self, careless_s: Sequence[float], switches: Switches, *, repeatable: bool = True) -> None:
        """Start with a full budget."""
        self._careless_s = careless_s
        self._repeatable = repeatable
        self._switches = switches
        self._budget = MOST

    async def run(self, call: Callable[[], Awaitable[T]]) -> T:
        """
        Make a call, and again when it failed.

        What was refused or timed out is not tried again: the first would be refused again, and for the second the time is over.

        Raises:
            DependencyError: What the last try raised.
        """
        self._budget = min(MOST, self._budget + RATIO)
        for pause_s in self._pauses_s():
            try:
                return await call()
            except FailedError:
                if not self._may_retry():
                    raise
            await asyncio.sleep(pause_s)
        return await call()

    def _pauses_s(self) -> Iterator[float]:
        if self._switches.current.retry_budget:
            yield random.uniform(*PAUSE_S)  # noqa: S311 - not for secrets
        else:
            yield from (random.uniform(0, longest_s) for longest_s in self._careless_s)  # noqa: S311 - not for secrets

    def _may_retry(self) -> bool:
        if not self._switches.current.retry_budget:
            return True
        if not self._repeatable or self._budget < 1:
            return False
        self._budget -= 1
        return True
