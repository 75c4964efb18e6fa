"""What one caller's way to a service does now: its endpoints, its fault under a lease, its counters."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Protocol

from gameday.agent.answering import Rule

Address = tuple[str, int]


class Held(Protocol):
    """A live connection that may hold back what passes over it."""

    def freeze(self) -> None:
        """Pass nothing on any more, in either direction, until released."""
        ...

    def release(self) -> None:
        """Release everything that is held at once."""
        ...

    def end(self) -> None:
        """Reset the caller's connection, and end the callee's."""
        ...


class Edge:
    """
    The state of an edge, shared by its connections.

    Args:
        name: ``caller -> callee``.
        endpoints: The callee's replicas; connections go to them in turn.
        seed: Of the jitter, and of who is answered.

    Attributes:
        connections: Accepted since the start.
        delayed: Chunks of answers that were delayed, since the start.
        sent_bytes: To the callee, since the start.
        received_bytes: From the callee, since the start.
        live: Connections open now.
        requests: Seen while a rule was in force, since the start; ``matched`` its path, and ``answered`` by it.
        attempts: What callers tried, canaries excluded, since what is injected was last changed: 0 without a fault.
    """

    def __init__(self, name: str, endpoints: Sequence[Address], *, seed: int) -> None:
        """Start without a fault."""
        self.name = name
        self.connections = 0
        self.delayed = 0
        self.sent_bytes = 0
        self.received_bytes = 0
        self.live: set[Held] = set()
        self._endpoints = tuple(endpoints)
        self._turn = 0
        self._random = random.Random(seed)  # noqa: S311 - not for secrets
        self._delay_s: tuple[float, float] | None = None
        self.requests = 0
        self.matched = 0
        self.answered = 0
        self._rule: Rule | None = None
        self._opened = self._exchanges = self._canaries = self._canary_exchanges = 0
        self._lease: asyncio.TimerHandle | None = None
        self._passable = asyncio.Event()
        self._passable.set()

    @property
    def blackholed(self) -> bool:
        """Return whether nothing passes."""
        return not self._passable.is_set()

    async def passable(self) -> None:
        """Wait until something may pass: at once unless the edge is blackholed."""
        await self._passable.wait()

    @property
    def delay_s(self) -> tuple[float, float] | None:
        """Return the delay and its jitter (s); None without a fault."""
        return self._delay_s

    @property
    def attempts(self) -> int:
        """Return how many connections callers opened, or how many exchanges they began: whichever are more."""
        return max(0, self._opened - self._canaries, self._exchanges - self._canary_exchanges)

    def count_connection(self) -> None:
        """Count a connection that was opened."""
        self.connections += 1
        self._opened += self._is_faulted

    def count_exchange(self) -> None:
        """Count that who opened a connection speaks: first, after an answer, or while nothing passes."""
        self._exchanges += self._is_faulted

    def count_canary(self, exchanges: int = 1) -> None:
        """Count a canary, before it speaks: its connection and at most so many exchanges are none of a caller's."""
        self._canaries += self._is_faulted
        self._canary_exchanges += exchanges * self._is_faulted

    @property
    def _is_faulted(self) -> bool:
        return self._delay_s is not None or self._rule is not None or self.blackholed

    def _begin_count(self) -> None:
        self._opened = self._exchanges = self._canaries = self._canary_exchanges = 0

    def lead_to(self, endpoints: Sequence[Address]) -> None:
        """Open connections to these from now on; those that are open stay. None given leaves everything as it was."""
        self._endpoints = tuple(endpoints) or self._endpoints

    def next_endpoints(self) -> tuple[Address, ...]:
        """Return where the next connection goes, and in turn where it goes when nobody answers the dial there."""
        first = self._turn % len(self._endpoints)
        self._turn += 1
        return (*self._endpoints[first:], *self._endpoints[:first])

    def delay(self, delay_s: float, jitter_s: float, *, lease_s: float) -> None:
        """Delay answers from now on, of open connections too, until healed or for ``lease_s``."""
        self._renew(lease_s, other=self.blackholed or self._rule is not None)
        if self._delay_s != (delay_s, jitter_s):
            self._begin_count()
        self._delay_s = (delay_s, jitter_s)

    def blackhole(self, *, lease_s: float) -> None:
        """Accept connections and pass nothing from now on, over open ones too, until healed or for ``lease_s``."""
        self._renew(lease_s, other=self._delay_s is not None or self._rule is not None)
        if self.blackholed:
            return
        self._begin_count()
        self._passable.clear()
        for connection in tuple(self.live):
            connection.freeze()

    def answer(self, rule: Rule, *, lease_s: float) -> None:
        """Answer requests by a rule from now on, until healed or for ``lease_s``."""
        self._renew(lease_s, other=self.blackholed or self._delay_s is not None)
        if self._rule != rule:
            self._begin_count()
        self._rule = rule

    @property
    def rule(self) -> Rule | None:
        """Return the rule in force; None without one."""
        return self._rule

    def answers(self, path: str) -> int | None:
        """Count a request and return the status with which it is answered; None lets it pass."""
        if self._rule is None:
            return None
        self.requests += 1
        if not fnmatchcase(path, self._rule.path):
            return None
        self.matched += 1
        if self._random.random() >= self._rule.share:
            return None
        self.answered += 1
        return self._rule.status

    def _renew(self, lease_s: float, *, other: bool) -> None:
        """Begin a lease anew; the edge has one fault at a time, so any other one is healed first."""
        if other:
            self.heal()
        self._end_lease()
        self._lease = asyncio.get_running_loop().call_later(lease_s, self.heal)

    def heal(self) -> None:
        """End the fault and let held answers go; idempotent."""
        self._end_lease()
        self._delay_s = None
        self._rule = None
        self._begin_count()
        self._passable.set()
        for connection in tuple(self.live):
            connection.release()

    def draw_delay_s(self) -> float | None:
        """Draw how long the next chunk of an answer waits; None without a fault."""
        if self._delay_s is None:
            return None
        delay_s, jitter_s = self._delay_s
        return max(0.0, delay_s + self._random.uniform(-jitter_s, jitter_s))

    def _end_lease(self) -> None:
        if self._lease is not None:
            self._lease.cancel()
            self._lease = None
