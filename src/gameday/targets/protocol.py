"""The Target protocol: what faults and the runner may ask of the place where a system runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

CANARY_S = 3.0
"""How long a canary waits for its answer where no delay is asked for."""


class TargetError(Exception):
    """The target could not do what was asked; the text says what failed, where, and the next step."""


@dataclass(frozen=True, slots=True)
class Delay:
    """What a latency fault adds to every answer on an edge: ``delay_s`` plus or minus up to ``jitter_s``, uniform."""

    delay_s: float
    jitter_s: float = 0.0


@dataclass(frozen=True, slots=True)
class EdgeState:
    """What the proxy on an edge does now, and what it did since it started."""

    edge: str
    delay: Delay | None
    connections: int
    delayed: int


@dataclass(frozen=True, slots=True)
class Calls:
    """
    What the caller of an edge saw, by its own counters since it started.

    ``answered`` maps an upper bound in seconds to the number of calls that were answered at most so fast (cumulative, ends at
    infinity); ``failed`` counts calls that were not answered: timeouts, errors, refused by a breaker are not calls.
    """

    answered: Mapping[float, int]
    failed: int


@dataclass(frozen=True, slots=True)
class Emptied:
    """What emptying a cache did: keys before, and keys left when it had been done (both counted by the cache, in one step)."""

    before: int
    after: int


class Target(Protocol):
    """
    A running system, as faults and probes see it. Every method may raise ``TargetError`` and returns within seconds.

    Edges are written ``caller -> callee``; the caller ``load`` stands for connections from outside.
    """

    def delay(self, edge: str, delay: Delay, *, lease_s: float) -> None:
        """Delay answers on an edge; the delay ends by itself after ``lease_s`` unless this is called again. Idempotent."""
        ...

    def heal(self, edge: str) -> None:
        """End whatever is injected on an edge at once; held answers are let go. Idempotent."""
        ...

    def edge(self, edge: str) -> EdgeState:
        """Read what the proxy on an edge does."""
        ...

    def canary_s(self, edge: str, *, within_s: float = CANARY_S) -> float:
        """
        Send one harmless request over an edge as its caller would, and return how long the answer took.

        It returns when it has waited for ``within_s`` too, and then says how long it did: ``within_s`` or a little more.
        """
        ...

    def calls(self, edge: str) -> Calls | None:
        """Read what the caller of an edge has seen; None when the caller publishes no such counters (``load`` never does)."""
        ...

    def cache_keys(self, service: str, prefix: str | None) -> int:
        """Count the keys of a cache, or those under a prefix."""
        ...

    def empty_cache(self, service: str, prefix: str | None) -> Emptied:
        """Remove all keys of a cache, or those under a prefix."""
        ...

    def metrics(self) -> Mapping[str, Mapping[str, float]]:
        """Scrape every service's metrics page once: service -> sample key (``record.metrics.sample_key``) -> value."""
        ...

    def url(self, service: str) -> str:
        """Return where requests from outside enter at a service: ``http://127.0.0.1:PORT``, to which paths are appended."""
        ...
