"""
The border between the load process and the engine that sends: what an engine is asked, and what it tells.

``greenlets`` is the engine that ships. A faster one (an event loop without a greenlet per request) has its place beside it:
it implements ``Engine`` and calls the same ``Ended``; nothing else changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gameday.load.child.outcome import Answer
from gameday.load.schedule import Arrival, Schedule
from gameday.record.requests import Outcome


@dataclass(frozen=True, slots=True)
class Ended:
    """
    How one arrival ended.

    Attributes:
        arrival: Which one.
        answer: What the server said; None without an answer.
        failure: Why there is none: CONNECTION, TIMEOUT, CENSORED or DROPPED; None with an answer.
        attempts: Requests of which at least the first byte may have left: 0 or 1.
        lag_s: Sent minus scheduled; of a dropped arrival, noticed minus scheduled.
        service_s: Ended minus sent; 0 of a dropped arrival.
    """

    arrival: Arrival
    answer: Answer | None
    failure: Outcome | None
    attempts: int
    lag_s: float
    service_s: float


class Listener(Protocol):
    """Who is told; both calls must be quick, because requests wait for them."""

    def due(self, arrival: Arrival) -> None:
        """Take note that an arrival's time has come; called once for each, in order."""
        ...

    def ended(self, ended: Ended) -> None:
        """Take note of its end; called once for each that was due."""
        ...


class Engine(Protocol):
    """Sends a schedule."""

    @property
    def in_flight(self) -> int:
        """Return how many requests are open."""
        ...

    @property
    def stopped(self) -> bool:
        """Return whether ``stop`` ended the load."""
        ...

    @property
    def covered_s(self) -> float:
        """Return, after ``run``, the time on the load's clock before which every arrival was due and has ended."""
        ...

    def run(self, schedule: Schedule, origin_monotonic_s: float) -> None:
        """
        Send every arrival at its time and return when each that was due has ended.

        Open requests end by themselves after the hang threshold; a moment later they are cut off as CENSORED.
        """
        ...

    def stop(self) -> None:
        """Make ``run`` end now: nothing more is sent, what is open ends as CENSORED at once. Idempotent."""
        ...

    def tidy(self) -> None:
        """Close connections that were not needed for a while; called twice a second."""
        ...
