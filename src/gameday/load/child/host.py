"""Host the load inside Locust: one environment, one local runner, and one user that drives the whole schedule."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from gevent.event import Event as Flag
from locust import User
from locust.env import Environment
from locust.exception import StopUser

from gameday.load.child.connection import resolve
from gameday.load.child.control import Heard, Told
from gameday.load.child.engine import Engine
from gameday.load.child.greenlets import GreenletEngine, Lane
from gameday.load.child.life import Life
from gameday.load.child.limits import go_first, raise_limits
from gameday.load.child.recorder import Recorder
from gameday.load.child.template import Template
from gameday.load.schedule import Schedule
from gameday.load.wire import TICK_S, LoadDone, RouteDone, Spec


class Host:
    """One load, from ready to done."""

    def __init__(self, spec: Spec, schedule: Schedule, commands: Heard, messages: Told) -> None:
        """Resolve the addresses and build the requests. Raises ``OSError`` for an unknown host or a limit too low."""
        self._spec, self._schedule = spec, schedule
        self._life = Life(commands, messages, stop=self._stop)
        raise_limits(spec.max_in_flight)
        go_first()
        addresses = {place: resolve(*place) for place in {(route.host, route.port) for route in spec.routes}}
        self._lanes = tuple(
            Lane(route.method, addresses[route.host, route.port], Template(route, seed=spec.seed))
            for route in spec.routes
        )
        self._seated = Flag()
        self._stop_asked = False
        self._engine: Engine | None = None

    def run(self) -> int:
        """Load alone until the schedule ends or the session says so, and return the exit code."""
        environment = Environment(user_classes=[user(self.drive)])
        environment.create_local_runner()
        environment.runner.start(1, 1)
        return self.load(environment)

    def drive(self) -> None:
        """Be the task of Locust's one user: the whole schedule."""
        self._life.guarded(self._drive)()

    def load(self, environment: Environment) -> int:
        """Load within an environment whose runner gives a user to ``drive``; return as ``run`` does."""
        self._environment = environment
        self._life.obey()
        self._seated.wait()
        return self._life.last()

    def _stop(self) -> None:
        self._stop_asked = True
        if self._engine:
            self._engine.stop()
        elif not self._life.begun.is_set():
            self._life.end_unbegun()

    def _drive(self) -> None:
        self._seated.set()
        self._life.begun.wait()
        spec, origin_s = self._spec, self._life.origin_s
        recorder = Recorder(
            spec.routes,
            self._environment.events.request.fire,
            folder=Path(spec.folder),
            worker=spec.worker,
            origin_monotonic_s=origin_s,
        )
        self._engine = engine = GreenletEngine(
            self._lanes, recorder, hang_s=spec.hang_s, max_in_flight=spec.max_in_flight
        )
        if self._stop_asked:
            engine.stop()

        def look() -> None:
            recorder.flush()
            engine.tidy()

        following = self._life.follow(look, recorder.ticks, lambda: engine.in_flight)
        cpu_s = time.process_time()
        try:
            engine.run(self._schedule, origin_s)
        finally:
            wall_s = max(time.monotonic() - origin_s, TICK_S)
            following.kill()
            recorder.close()
        share = (time.process_time() - cpu_s) / wall_s
        self._life.end(LoadDone(self._routes(recorder), share, engine.covered_s, stopped=engine.stopped))

    def _routes(self, recorder: Recorder) -> tuple[RouteDone, ...]:
        stats = self._environment.stats
        return tuple(
            RouteDone(route.name, rows, entry.num_requests, entry.num_failures)
            for route, rows in zip(self._spec.routes, recorder.rows, strict=True)
            for entry in [stats.get(route.name, route.method)]
        )


def user(drive: Callable[[], None]) -> type:
    """Make Locust's user whose only task is the whole load."""

    def load(_user: object) -> None:
        drive()
        raise StopUser

    return type("Load", (User,), {"tasks": [load]})
