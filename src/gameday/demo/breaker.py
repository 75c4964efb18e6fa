"""A circuit breaker: calls to a dependency that mostly fails are refused without being made."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import IntEnum

WINDOW_S = 2.0
MINIMUM_CALLS = 20
OPEN_SHARE = 0.5
HALF_OPEN_AFTER_S = 1.0
"""Hystrix opens at 50 % of 20 calls in 10 s and probes after 5 s; scaled to runs that last a minute."""


class State(IntEnum):
    """The breaker's state, as the metrics number it."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Breaker:
    """
    Opens when at least half of at least twenty calls of the last two seconds failed; one probe a second later decides.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start closed."""
        self._clock = clock
        self._calls: deque[tuple[float, bool]] = deque()
        self._failed = 0
        self.state = State.CLOSED
        self._opened_s = 0.0
        self._generation = 0

    def enter(self) -> int | None:
        """Return a ticket when a call may be made, else None; the ticket goes back with ``record`` or ``abandon``."""
        if self.state is State.OPEN and self._clock() - self._opened_s >= HALF_OPEN_AFTER_S:
            self._change(State.HALF_OPEN)
            return self._generation
        return self._generation if self.state is State.CLOSED else None

    def record(self, ticket: int, *, ok: bool) -> None:
        """Note how a call ended; one that began before the state last changed decides nothing."""
        if ticket != self._generation:
            return
        if self.state is State.CLOSED:
            self._note(ok=ok)
        else:
            self._change(State.CLOSED if ok else State.OPEN)

    def abandon(self, ticket: int) -> None:
        """Note that an allowed call was never made; the next one may then be the probe."""
        if ticket == self._generation and self.state is State.HALF_OPEN:
            self._change(State.OPEN)
            self._opened_s -= HALF_OPEN_AFTER_S

    def reset(self) -> None:
        """Close and forget."""
        self._change(State.CLOSED)

    def _note(self, *, ok: bool) -> None:
        now_s = self._clock()
        self._calls.append((now_s, ok))
        self._failed += not ok
        while self._calls[0][0] < now_s - WINDOW_S:
            self._failed -= not self._calls.popleft()[1]
        if len(self._calls) >= MINIMUM_CALLS and self._failed >= OPEN_SHARE * len(self._calls):
            self._change(State.OPEN)

    def _change(self, state: State) -> None:
        self._calls.clear()
        self._failed = 0
        self._generation += 1
        self._opened_s = self._clock()
        self.state = state
