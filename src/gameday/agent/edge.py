"""What one caller's way to a service does now: its endpoints, its fault under a lease, its counters."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Protocol

Address = tuple[str, int]


class Held(Protocol):
    """A live connection that may hold answers back."""

    def release(self) -> None:
        """Let everything that is held go at once."""
        ...


class Edge:
    """
    The state of an edge, shared by its connections.

    Args:
        name: ``caller -> callee``.
        endpoints: The callee's replicas; connections go to them in turn.
        seed: Of the jitter.

    Attributes:
        connections: Accepted since the start.
        delayed: Chunks of answers that were delayed, since the start.
        sent_bytes: To the callee, since the start.
        received_bytes: From the callee, since the start.
        live: Connections open now.
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
        self._random = random.Random(seed)  # noqa: S311 - not for secrets
        self._delay_s: tuple[float, float] | None = None
        self._lease: asyncio.TimerHandle | None = None

    @property
    def delay_s(self) -> tuple[float, float] | None:
        """Return the delay and its jitter (s); None without a fault."""
        return self._delay_s

    def next_endpoint(self) -> Address:
        """Return where the next connection goes."""
        return self._endpoints[(self.connections - 1) % len(self._endpoints)]

    def delay(self, delay_s: float, jitter_s: float, *, lease_s: float) -> None:
        """Delay answers from now on, of open connections too, until healed or for ``lease_s``."""
        self._end_lease()
        self._delay_s = (delay_s, jitter_s)
        self._lease = asyncio.get_running_loop().call_later(lease_s, self.heal)

    def heal(self) -> None:
        """End the fault and let held answers go; idempotent."""
        self._end_lease()
        self._delay_s = None
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
