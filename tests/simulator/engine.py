"""A discrete-event simulator: a clock with a heap of events, and stations where jobs queue for servers."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field


class Engine:
    """The simulated clock; events of the same time happen in the order in which they were planned."""

    def __init__(self) -> None:
        """Start at 0."""
        self.now_s = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()

    def at(self, t_s: float, act: Callable[[], None]) -> None:
        """Plan an act."""
        heapq.heappush(self._events, (t_s, next(self._count), act))

    def run(self, until_s: float) -> None:
        """Act until nothing is planned before ``until_s``."""
        while self._events and self._events[0][0] < until_s:
            self.now_s, _, act = heapq.heappop(self._events)
            act()
        self.now_s = until_s


@dataclass
class Job:
    """One piece of work: how long it takes once begun, and whom to tell when it is over."""

    arrived_s: float
    service_s: Callable[[], float]
    done: Callable[[], None]


@dataclass
class Station:
    """
    ``servers`` working in parallel on a first-come queue.

    ``places`` bounds how many are inside, served and waiting (None: no bound). A job whose client left is worked on all the same, as a
    server without deadlines does. ``asleep`` servers take no new work.
    """

    engine: Engine
    servers: int
    places: int | None = None
    asleep: int = 0
    busy: int = 0
    waiting: deque[Job] = field(default_factory=deque)

    @property
    def inside(self) -> int:
        """Return how many are served or wait."""
        return self.busy + len(self.waiting)

    def offer(self, job: Job) -> bool:
        """Take a job, or refuse it at once when every place is taken."""
        if self.places is not None and self.inside >= self.places:
            return False
        self.waiting.append(job)
        self.serve()
        return True

    def serve(self) -> None:
        """Begin what waits while a server is free."""
        while self.waiting and self.busy < self.servers - self.asleep:
            job = self.waiting.popleft()
            self.busy += 1
            self.engine.at(self.engine.now_s + job.service_s(), lambda job=job: self._finish(job))  # type: ignore[misc]

    def _finish(self, job: Job) -> None:
        self.busy -= 1
        job.done()
        self.serve()
