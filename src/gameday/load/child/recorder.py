"""Write down how every arrival ended: as a row on the disk, as Locust's request event, and for the live view."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from gameday.load.child.engine import Ended
from gameday.load.child.live import RouteLive
from gameday.load.child.outcome import classify
from gameday.load.schedule import Arrival
from gameday.load.wire import RouteSpec, RouteTick
from gameday.record.requests import UNKNOWN, Outcome, RowWriter

_FINE = (Outcome.OK, Outcome.DEGRADED, Outcome.LATE)


class RequestFailedError(Exception):
    """What Locust's statistics list for a request that did not end well; few texts, because each is a line of its own there."""


class FireRequest(Protocol):
    """Locust's request event."""

    def __call__(
        self,
        *,
        request_type: str,
        name: str,
        response_time: float,
        response_length: int,
        response: object,
        context: dict[str, object],
        exception: Exception | None,
        start_time: float,
        url: str,
    ) -> None:
        """Fire it; ``response_time`` is in milliseconds."""
        ...


class Recorder:
    """
    Implements the engine's ``Listener``.

    Args:
        folder: Where ``requests.<worker>.bin`` is created; it must not be there yet.
        fire: Locust's request event. It fires for every arrival but the dropped ones, with the response time from the scheduled
            start; rejected, failed, hung and censored ones carry an exception.
    """

    def __init__(
        self, routes: Sequence[RouteSpec], fire: FireRequest, *, folder: Path, worker: int, origin_monotonic_s: float
    ) -> None:
        """Create the row file."""
        self._routes, self._fire, self._worker = tuple(routes), fire, worker
        self._live = tuple(RouteLive(route.name) for route in routes)
        self._writer = RowWriter(
            folder, worker=worker, routes=[route.name for route in routes], origin_monotonic_s=origin_monotonic_s
        )
        self._origin_epoch_s = time.time() - time.monotonic() + origin_monotonic_s
        self._buffered = [0] * len(routes)
        self.rows = (0,) * len(routes)

    def due(self, arrival: Arrival) -> None:
        """Count it as offered."""
        self._live[arrival.route].offer()

    def ended(self, ended: Ended) -> None:
        """Record one arrival's end."""
        arrival, answer = ended.arrival, ended.answer
        route = self._routes[arrival.route]
        response_s = ended.lag_s + ended.service_s
        if answer is None:
            status, origin, retry_after_s, size_bytes = 0, UNKNOWN, math.nan, 0
            outcome = ended.failure or Outcome.CONNECTION
        else:
            status, origin, retry_after_s, size_bytes = (
                answer.status,
                answer.origin,
                answer.retry_after_s,
                answer.size_bytes,
            )
            outcome = classify(status, degraded=answer.degraded, response_s=response_s, deadline_s=route.deadline_s)
        self._writer.add(
            (
                arrival.seq,
                arrival.route,
                self._worker,
                outcome,
                ended.attempts,
                status,
                origin,
                0,
                arrival.scheduled_s,
                ended.lag_s,
                ended.service_s,
                retry_after_s,
            )
        )
        self._buffered[arrival.route] += 1
        self._live[arrival.route].end(outcome, response_s)
        if outcome is not Outcome.DROPPED:
            self._fire(
                request_type=route.method,
                name=route.name,
                response_time=response_s * 1000,
                response_length=size_bytes,
                response=answer,
                context={},
                exception=None if outcome in _FINE else RequestFailedError(f"{outcome.name} {status}"),
                start_time=self._origin_epoch_s + arrival.scheduled_s + ended.lag_s,
                url=route.target,
            )

    def ticks(self) -> tuple[RouteTick, ...]:
        """Return the live counts of every route."""
        return tuple(live.tick() for live in self._live)

    def flush(self) -> None:
        """Append what is buffered to the row file."""
        self._writer.flush()
        self.rows = tuple(self._buffered)

    def close(self) -> None:
        """Flush and close the row file; idempotent."""
        self._writer.close()
        self.rows = tuple(self._buffered)
