"""Write down every request of a person's own locustfile: as a row on the disk, and for the live view."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from gevent import GreenletExit, Timeout, getcurrent

from gameday.agent.resources import SHORTAGES
from gameday.load.child.live import RouteLive
from gameday.load.child.naming import Names
from gameday.load.child.population import Population
from gameday.load.child.verdicts import Seen, outcome_of, seen
from gameday.load.wire import Closed, RouteSpec, RouteTick
from gameday.record.names import NamesWriter
from gameday.record.requests import Outcome, RowWriter

OTHERS = "(others)"
"""What the live view calls all requests that stand for no route."""
_MARK = "_gameday_open"


class Open:
    """A request of one of Locust's clients that has no row yet."""

    __slots__ = ("answered_s", "error", "method", "name", "response", "sent_s", "told", "written")

    def __init__(self, method: str, name: str) -> None:
        """Note when it was sent, on the machine's monotonic clock."""
        self.method, self.name = method, name
        self.sent_s = time.monotonic()
        self.answered_s: float | None = None
        self.response: object = None
        self.error: object = None
        self.told = self.written = False


class Observer:
    """
    Turns what Locust's clients do, and what Locust's request event tells, into rows.

    A request has one row: when its event fires; when it has been open for ``hang_s``, as a timeout, whatever its client does then; or
    when the load ends, as censored. One whose user a shape takes away meanwhile has none, as in Locust's statistics. It was sent when it was scheduled, because its user decides then, so its lag is 0.

    Args:
        folder: Where ``requests.<worker>.bin`` is created; it must not be there yet.
    """

    def __init__(
        self,
        routes: Sequence[RouteSpec],
        closed: Closed,
        *,
        hang_s: float,
        folder: Path,
        worker: int,
        origin_monotonic_s: float,
        population: Population,
    ) -> None:
        """Create the row file."""
        self._population = population
        self._routes, self._hang_s, self._worker, self._origin_s = tuple(routes), hang_s, worker, origin_monotonic_s
        self._names, self._named = Names(routes, closed.names), NamesWriter(folder, worker=worker)
        self._live = tuple(RouteLive(name) for name in (*(route.name for route in routes), OTHERS))
        self._writer = RowWriter(
            folder, worker=worker, routes=[route.name for route in routes], origin_monotonic_s=origin_monotonic_s
        )
        self._seq: dict[int, int] = {}
        self._asking: dict[object, Open] = {}
        self._open: set[Open] = set()
        self._ending = self._over = False
        self.rows = [0] * len(routes)

    @property
    def in_flight(self) -> int:
        """Return how many requests of Locust's clients are open."""
        return len(self._asking)

    def sent(self, method: str, name: str, user: object = None) -> Open:
        """Take note that a client, perhaps one that says which user has it, begins a request."""
        self._population.sent(user)
        opened = Open(method, name)
        self._asking[getcurrent()] = opened
        self._open.add(opened)
        return opened

    def answered(self, opened: Open, response: object) -> None:
        """
        Take note that a client has returned.

        With ``catch_response`` the event comes later, from the end of the ``with`` block, or never, if the block is left by an exception.
        """
        self._asking.pop(getcurrent(), None)
        if opened.written or opened not in self._open:
            return
        meta = getattr(response, "request_meta", {})
        inner = meta.get("response", response)
        setattr(inner, _MARK, opened)
        opened.answered_s, opened.response = time.monotonic(), inner
        opened.error = meta.get("exception") or getattr(inner, "error", None)

    def broke(self, opened: Open, error: BaseException) -> None:
        """Take note that a client was left by an exception, which tells what became of the request."""
        self._asking.pop(getcurrent(), None)
        if opened.written:
            return
        took_s = time.monotonic() - opened.sent_s
        if isinstance(error, ValueError | TypeError):
            self._open.discard(opened)  # an address or an argument that no client can send
        elif isinstance(error, GreenletExit) and not self._ending:
            self._open.discard(
                opened
            )  # its user was taken away: nobody waits for the answer, and Locust does not count it
        elif isinstance(error, GreenletExit):
            self._write(opened, Outcome.CENSORED, took_s)
        else:
            self._write(opened, Outcome.TIMEOUT if isinstance(error, Timeout) else Outcome.CONNECTION, took_s)

    def reported(self, request_type: str, name: str, response_time: float, response: object, exception: object) -> None:
        """Take note of Locust's request event; ``response_time`` is in milliseconds. Clients that are not Locust's have only this."""
        if self._over:
            return
        SHORTAGES.note(exception if isinstance(exception, BaseException) else None, "requests not sent")
        took_s = (response_time or 0.0) / 1000
        opened = getattr(response, _MARK, None) or self._asking.get(getcurrent())
        if (
            opened is None or opened.told
        ):  # a second event, which a listener or a check makes of the same answer, is one of its own
            self._population.sent()
            opened = Open(request_type, name)
            opened.sent_s -= took_s
        opened.told = True
        if opened.written:
            return
        opened.method, opened.name = request_type, name
        self._ended(opened, response, exception, took_s)

    def look(self) -> None:
        """Give rows to what has been open, or unreported, for the hang threshold."""
        now_s = time.monotonic()
        for opened in tuple(self._open):
            if opened.answered_s is not None:
                if now_s - opened.answered_s >= self._hang_s:
                    self._ended(opened, opened.response, opened.error, opened.answered_s - opened.sent_s)
            elif now_s - opened.sent_s >= self._hang_s:
                self._write(opened, Outcome.TIMEOUT, now_s - opened.sent_s)

    def ticks(self) -> tuple[RouteTick, ...]:
        """Return the live counts of every route, and last those of all other requests."""
        return tuple(live.tick() for live in self._live)

    def route_of(self, method: str, name: str) -> int:
        """Return the index of a request's route; beyond the routes' for others."""
        index, new = self._names.find(method, name)
        if new is not None:
            self._named.add(index, new)
        return index

    def end(self) -> None:
        """Take note that the load ends: from now on a request that is cut off was open at the end."""
        self._ending = True

    def flush(self) -> None:
        """Append what is buffered to the row file."""
        self._writer.flush()

    def close(self) -> None:
        """Give every open request its row, as far as it is known, and close the file; idempotent, and what comes later is ignored."""
        now_s = time.monotonic()
        for opened in tuple(self._open):
            if opened.answered_s is not None:
                self._ended(opened, opened.response, opened.error, opened.answered_s - opened.sent_s)
            else:
                self._write(opened, Outcome.CENSORED, now_s - opened.sent_s)
        self._over = True
        self._writer.close()

    def _ended(self, opened: Open, response: object, error: object, took_s: float) -> None:
        answer = seen(response)
        index = self.route_of(opened.method, opened.name)
        deadline_s = self._routes[index].deadline_s if index < len(self._routes) else float("inf")
        outcome = outcome_of(answer, error, response_s=took_s, deadline_s=deadline_s)
        self._write(opened, outcome, took_s, answer)

    def _write(self, opened: Open, outcome: Outcome, took_s: float, answer: Seen | None = None) -> None:
        opened.written = True
        self._open.discard(opened)
        if self._over:
            return
        answer = answer or Seen()
        index = self.route_of(opened.method, opened.name)
        seq = self._seq.get(index, 0)
        self._seq[index] = seq + 1
        sent_s = opened.sent_s - self._origin_s
        self._writer.add(
            (
                seq,
                index,
                self._worker,
                outcome,
                1,
                answer.status,
                answer.origin,
                0,
                sent_s,
                0.0,
                took_s,
                answer.retry_after_s,
            )
        )
        if index < len(self.rows):
            self.rows[index] += 1
        live = self._live[min(index, len(self._routes))]
        live.offer()
        live.end(outcome, took_s)
