"""The engine that ships: one greenlet and one connection per request in flight, kept for the next ones."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import gevent
from gevent.event import Event
from gevent.hub import Waiter, get_hub
from gevent.pool import Group

from gameday.load.child.connection import Address, Connection, ExhaustedError, NoAnswerError
from gameday.load.child.engine import Ended, Listener
from gameday.load.child.template import Template
from gameday.load.child.timer import Timer
from gameday.load.schedule import Arrival, Schedule, walk
from gameday.record.requests import Outcome

IDLE_S: Final = 1.0
"""
How long an unused connection is kept: below the shortest idle timeout that common servers ship with (gunicorn's 2 s), so that a
server's closing hardly ever crosses a request on its way, which could not be told from a crash.
"""
_DRAIN_S: Final = 5.0
"""How much longer than ``hang`` requests may take to end by themselves when this process is starved of time."""
_READ: Final = 1


@dataclass(frozen=True, slots=True)
class Lane:
    """How to ask one route."""

    method: str
    address: Address
    template: Template


class _Worker:
    """A greenlet's seat: its connection, and the door through which it gets arrivals."""

    __slots__ = ("connection", "idle_since_s", "waiter")

    def __init__(self, address: Address) -> None:
        self.connection = Connection(address)
        self.waiter = Waiter()
        self.idle_since_s = 0.0


class GreenletEngine:
    """
    Sends open arrivals on gevent; implements ``Engine``.

    An arrival is handed to an idle worker of its address, else to a new one, else, when ``max_in_flight`` requests are open, it is
    dropped: it never waits, so a slow server cannot slow the load.
    """

    def __init__(self, lanes: Sequence[Lane], listener: Listener, *, hang_s: float, max_in_flight: int) -> None:
        """Take the routes in the order of the plan."""
        self._lanes = tuple(lanes)
        self._listener = listener
        self._hang_s, self._max_in_flight = hang_s, max_in_flight
        self._idle: dict[Address, list[_Worker]] = {lane.address: [] for lane in lanes}
        self._group = Group()
        self._timer = Timer()
        self._drained = Event()
        self._stopping = self._cut_short = False
        self._broken: Exception | None = None
        self._origin_s = self._now_s = 0.0
        self.in_flight = 0
        self.covered_s = 0.0

    def run(self, schedule: Schedule, origin_monotonic_s: float) -> None:
        """Send every arrival at its time and return when each that was due has ended."""
        self._origin_s = origin_monotonic_s
        watcher = get_hub().loop.io(self._timer.fd, _READ)
        try:
            for arrival in walk(schedule):
                self._wait_until(origin_monotonic_s + arrival.scheduled_s, watcher)
                if self._stopping:
                    self.covered_s = min(time.monotonic() - origin_monotonic_s, arrival.scheduled_s)
                    break
                self._hand_over(arrival)
            else:
                self._drain()
                self.covered_s = time.monotonic() - origin_monotonic_s
        finally:
            self._stopping = True
            self._group.kill(timeout=1.0)
            watcher.close()
            self._timer.close()
        if self._broken:
            raise self._broken

    def stop(self) -> None:
        """Make ``run`` end now; what is open ends as CENSORED."""
        if not self._stopping:
            self._stopping = self._cut_short = True
            self._drained.set()
            self._timer.arm(0.0)

    @property
    def stopped(self) -> bool:
        """Return whether ``stop`` ended it before the schedule did."""
        return self._cut_short

    def tidy(self) -> None:
        """Close connections that were not needed for a while."""
        before_s = time.monotonic() - IDLE_S
        for idle in self._idle.values():
            for worker in idle:
                if worker.idle_since_s < before_s:
                    worker.connection.close()

    def _wait_until(self, monotonic_s: float, watcher: object) -> None:
        """Wait for an instant. What is due already goes out in one batch; after each batch answers are let in."""
        if monotonic_s <= self._now_s:
            return
        self._now_s = time.monotonic()
        if monotonic_s <= self._now_s:
            gevent.sleep(0)
        while not self._stopping and time.monotonic() < monotonic_s:
            self._timer.arm(monotonic_s)
            get_hub().wait(watcher)
        self._now_s = time.monotonic()

    def _hand_over(self, arrival: Arrival) -> None:
        self._listener.due(arrival)
        if self.in_flight >= self._max_in_flight:
            self._drop(arrival)
            return
        self.in_flight += 1
        address = self._lanes[arrival.route].address
        idle = self._idle[address]
        worker = idle.pop() if idle else self._hire(address)
        get_hub().loop.run_callback(worker.waiter.switch, arrival)

    def _hire(self, address: Address) -> _Worker:
        worker = _Worker(address)
        self._group.start(gevent.Greenlet(self._work, worker, self._idle[address]))
        return worker

    def _work(self, worker: _Worker, idle: list[_Worker]) -> None:
        while True:
            arrival = worker.waiter.get()
            worker.waiter.clear()
            self._serve(worker.connection, arrival)
            worker.idle_since_s = time.monotonic()
            idle.append(worker)

    def _serve(self, connection: Connection, arrival: Arrival) -> None:
        lane = self._lanes[arrival.route]
        sent_s = time.monotonic()
        lag_s = sent_s - self._origin_s - arrival.scheduled_s
        answer, failure = None, None
        timeout = gevent.Timeout(self._hang_s)
        timeout.start()
        try:
            answer = connection.exchange(lane.method, lane.template.render(arrival, lag_s))
        except NoAnswerError:
            failure = Outcome.CONNECTION
        except ExhaustedError:
            failure = Outcome.DROPPED
        except gevent.Timeout:
            failure = Outcome.TIMEOUT
        except gevent.GreenletExit:
            failure = Outcome.CENSORED
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is ours: the arrival was not offered, and run() raises it
            failure, self._broken = Outcome.DROPPED, error
            self.stop()
        finally:
            timeout.close()
            read_s = time.monotonic() - sent_s
            service_s = 0.0 if failure is Outcome.DROPPED else max(0.0, read_s - (answer.late_s if answer else 0.0))
            self._end(Ended(arrival, answer, failure, int(connection.sent), lag_s, service_s))

    def _drop(self, arrival: Arrival) -> None:
        late_s = time.monotonic() - self._origin_s - arrival.scheduled_s
        self._listener.ended(Ended(arrival, None, Outcome.DROPPED, 0, late_s, 0.0))

    def _end(self, ended: Ended) -> None:
        self.in_flight -= 1
        if not self.in_flight:
            self._drained.set()
        self._listener.ended(ended)

    def _drain(self) -> None:
        """Wait until nothing is open; a request that its own timeout did not end is cut off when the group is killed."""
        if self.in_flight and not self._stopping:
            self._drained.clear()
            self._drained.wait(self._hang_s + _DRAIN_S)
