"""Host a person's own locustfile: its users, its shape and its listeners, with our rows."""

from __future__ import annotations

import logging
import math
import time
from array import array
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import gevent
from gevent.event import Event as Flag

from gameday.load.child.clients import never_resend, watch
from gameday.load.child.control import Heard, Told
from gameday.load.child.life import Life
from gameday.load.child.limits import go_first, raise_limits
from gameday.load.child.locustfile import announce, environment_of, exit_code, own_exit_code, place
from gameday.load.child.observer import Observer
from gameday.load.child.population import Population
from gameday.load.wire import TICK_S, Closed, LoadDone, RouteDone, Spec

_SOCKETS_PER_USER = 12
"""A FastHttpUser keeps up to ten connections."""
_USERS_OF_A_SHAPE = 200
"""Files are allowed for so many users where the plan cannot know how many there will be."""
_AT_ONCE_S = 1.0
"""How long users may take to leave when the load is to end now: less than the session waits."""
_BEAT_S = 0.02
"""Fifty looks a second at the clock cost a thousandth of a core."""

_LOGGER = logging.getLogger("locust.main")


class UsersHost:
    """One closed load, from ready to done."""

    def __init__(self, spec: Spec, closed: Closed, commands: Heard, messages: Told) -> None:
        """Import the file and call its ``init`` listeners. Raises ``LocustfileError``, and ``OSError`` for a limit too low."""
        self._spec, self._closed = spec, closed
        self._ending = Flag()
        self._life = Life(commands, messages, stop=self._ending.set)
        never_resend()
        self._environment = environment_of(closed, hang_s=spec.hang_s)
        raise_limits(_SOCKETS_PER_USER * (closed.users or _USERS_OF_A_SHAPE))
        go_first()
        self._population = Population(self._environment)
        self._runner = self._environment.create_local_runner()
        self._population.watch()
        place(self._runner, closed.hosts)
        announce(self._environment)

    def run(self) -> int:
        """Load until the plan's time is over or the session says so, and return the exit code."""
        self._life.obey()
        gevent.spawn(self._life.guarded(self._drive))
        return self._life.last()

    def _drive(self) -> None:
        gevent.wait([self._life.begun, self._ending], count=1)
        if not self._life.begun.is_set():
            self._life.end_unbegun()
            return
        spec, origin_s = self._spec, self._life.origin_s
        observer = Observer(
            spec.routes,
            self._closed,
            hang_s=spec.hang_s,
            folder=Path(spec.folder),
            worker=spec.worker,
            origin_monotonic_s=origin_s,
            population=self._population,
        )
        watch(observer)
        # First, because a listener of the file may end its user's task, and then no further one is called.
        self._environment.events.request._handlers.insert(0, self._listener(observer))  # noqa: SLF001 - as above
        self._ending.wait(max(0.0, origin_s - time.monotonic()))
        late_s = array("d")

        def look() -> None:
            observer.look()
            observer.flush()

        following = self._life.follow(look, observer.ticks, lambda: observer.in_flight)
        beating = gevent.spawn(self._beat, late_s)
        cpu_s = time.process_time()
        self._start()
        self._ending.wait(max(0.0, origin_s + self._closed.duration_s - time.monotonic()))
        stopped = self._ending.is_set()
        observer.end()
        self._end()
        ended_s = time.monotonic() - origin_s
        following.kill()
        beating.kill()
        observer.close()
        share = (time.process_time() - cpu_s) / max(ended_s, TICK_S)
        self._life.end(
            LoadDone(
                self._routes(observer),
                share,
                ended_s,
                stopped=stopped,
                late_s=_p99(late_s),
                user_classes=self._population.classes(),
                raised=self._population.raised(),
                exit_code=own_exit_code(self._environment),
            )
        )

    def _start(self) -> None:
        if self._ending.is_set():
            return
        if self._environment.shape_class:
            self._runner.start_shape()
        else:
            self._runner.start(self._closed.users or 1, self._closed.spawn_rate_per_s)

    def _end(self) -> None:
        """
        Let users finish their task for as long as a request may take, unless the load is to end now, and let the file's listeners know.

        Requests of that time are sent after the plan's last phase, where nothing is judged.
        """
        now = self._ending.is_set()
        if now:
            self._environment.stop_timeout = 0.0
        leaving = gevent.spawn(self._quit)
        if not now:
            gevent.wait([leaving, self._ending], timeout=self._spec.hang_s + TICK_S, count=1)
        leaving.join(_AT_ONCE_S if now or self._ending.is_set() else TICK_S)
        self._runner.user_greenlets.kill(timeout=TICK_S / 2)

    def _quit(self) -> None:
        """End as ``locust --headless`` does when its run time is over."""
        events = self._environment.events
        self._runner.quit()
        events.quitting.fire(environment=self._environment, reverse=True)
        code = exit_code(self._environment)
        _LOGGER.info("Shutting down (exit code %s)", code)
        events.quit.fire(exit_code=code)

    def _listener(self, observer: Observer) -> Callable[..., None]:
        def reported(
            request_type: str,
            name: str,
            response_time: float,
            response: object = None,
            exception: object = None,
            **_: object,
        ) -> None:
            self._life.guarded(lambda: observer.reported(request_type, name, response_time, response, exception))()

        return reported

    def _beat(self, late_s: array[float]) -> None:
        """Note how late this process comes to do what is due; a user's own work holds up all others."""
        gevent.sleep(max(0.0, self._life.origin_s + self._closed.judged_from_s - time.monotonic()))
        while True:
            due_s = time.monotonic() + _BEAT_S
            gevent.sleep(_BEAT_S)
            late_s.append(time.monotonic() - due_s)

    def _routes(self, observer: Observer) -> tuple[RouteDone, ...]:
        requests, failures = [0] * len(self._spec.routes), [0] * len(self._spec.routes)
        for (name, method), entry in self._environment.stats.entries.items():
            with suppress(IndexError):  # a request that stands for no route
                index = observer.route_of(method, name)
                requests[index] += entry.num_requests
                failures[index] += entry.num_failures
        return tuple(
            RouteDone(route.name, observer.rows[index], requests[index], failures[index])
            for index, route in enumerate(self._spec.routes)
        )


def _p99(values: array[float]) -> float:
    return sorted(values)[math.ceil(0.99 * len(values)) - 1] if values else 0.0
