"""Host the load inside Locust: one environment, one local runner, and one user that drives the whole schedule."""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import gevent
from gevent.event import Event as Flag
from locust import User
from locust.env import Environment
from locust.exception import StopUser

from gameday.load.child.connection import resolve
from gameday.load.child.control import Heard, Told
from gameday.load.child.engine import Engine
from gameday.load.child.greenlets import GreenletEngine, Lane
from gameday.load.child.limits import go_first, raise_limits
from gameday.load.child.recorder import Recorder
from gameday.load.child.template import Template
from gameday.load.schedule import Schedule
from gameday.load.wire import (
    EXIT_FATAL,
    EXIT_ORPHANED,
    TICK_S,
    Begin,
    Fatal,
    LoadDone,
    LoadTick,
    Ready,
    RouteDone,
    Spec,
)

_FLUSH_S = TICK_S / 2


class Host:
    """One load, from ready to done."""

    def __init__(self, spec: Spec, schedule: Schedule, commands: Heard, messages: Told) -> None:
        """Resolve the addresses and build the requests. Raises ``OSError`` for an unknown host or a limit too low."""
        self._spec, self._schedule = spec, schedule
        self._commands, self._messages = commands, messages
        raise_limits(spec.max_in_flight)
        go_first()
        addresses = {place: resolve(*place) for place in {(route.host, route.port) for route in spec.routes}}
        self._lanes = tuple(
            Lane(route.method, addresses[route.host, route.port], Template(route, seed=spec.seed))
            for route in spec.routes
        )
        self._seated, self._begun, self._over = Flag(), Flag(), Flag()
        self._stop_asked = False
        self._origin_s = 0.0
        self._engine: Engine | None = None
        self._recorder: Recorder | None = None
        self._exit_code = 0

    def run(self) -> int:
        """Load alone until the schedule ends or the session says so, and return the exit code."""
        environment = Environment(user_classes=[user(self.drive)])
        environment.create_local_runner()
        environment.runner.start(1, 1)
        return self.load(environment)

    def drive(self) -> None:
        """Be the task of Locust's one user: the whole schedule."""
        self._guarded(self._drive)()

    def load(self, environment: Environment) -> int:
        """Load within an environment whose runner gives a user to ``drive``; return as ``run`` does."""
        self._environment = environment
        gevent.signal_handler(signal.SIGTERM, self._stop)
        gevent.spawn(self._guarded(self._obey))
        self._seated.wait()
        gc.collect()
        # What exists now stays: the collector need not look at it again while the load runs.
        gc.freeze()
        self._messages.send(Ready(os.getpid()))
        self._over.wait()
        return self._exit_code

    def _obey(self) -> None:
        for command in self._commands.listen():
            if isinstance(command, Begin):
                self._origin_s = command.origin_monotonic_s
                self._begun.set()
            else:
                self._stop()
        self._exit_code = EXIT_ORPHANED
        self._stop()

    def _stop(self) -> None:
        self._stop_asked = True
        if self._engine:
            self._engine.stop()
        elif not self._begun.is_set():
            self._messages.send(LoadDone((), 0.0, 0.0, stopped=True))
            self._over.set()

    def _drive(self) -> None:
        self._seated.set()
        self._begun.wait()
        spec = self._spec
        self._recorder = recorder = Recorder(
            spec.routes,
            self._environment.events.request.fire,
            folder=Path(spec.folder),
            worker=spec.worker,
            origin_monotonic_s=self._origin_s,
        )
        self._engine = engine = GreenletEngine(
            self._lanes, recorder, hang_s=spec.hang_s, max_in_flight=spec.max_in_flight
        )
        if self._stop_asked:
            engine.stop()
        ticking = gevent.spawn(self._guarded(self._tick))
        cpu_s = time.process_time()
        try:
            engine.run(self._schedule, self._origin_s)
        finally:
            wall_s = max(time.monotonic() - self._origin_s, TICK_S)
            ticking.kill()
            recorder.close()
        share = (time.process_time() - cpu_s) / wall_s
        self._messages.send(LoadDone(self._routes(recorder), share, engine.covered_s, stopped=engine.stopped))
        self._over.set()

    def _tick(self) -> None:
        wall_s, cpu_s = time.monotonic(), time.process_time()
        while self._recorder and self._engine:
            gevent.sleep(_FLUSH_S)
            self._recorder.flush()
            self._engine.tidy()
            now_s, now_cpu_s = time.monotonic(), time.process_time()
            if now_s - wall_s < TICK_S - _FLUSH_S / 2:
                continue
            share = (now_cpu_s - cpu_s) / (now_s - wall_s)
            wall_s, cpu_s = now_s, now_cpu_s
            self._messages.offer(
                LoadTick(now_s - self._origin_s, now_s, self._recorder.ticks(), self._engine.in_flight, share)
            )

    def _routes(self, recorder: Recorder) -> tuple[RouteDone, ...]:
        stats = self._environment.stats
        return tuple(
            RouteDone(route.name, rows, entry.num_requests, entry.num_failures)
            for route, rows in zip(self._spec.routes, recorder.rows, strict=True)
            for entry in [stats.get(route.name, route.method)]
        )

    def _guarded(self, part: Callable[[], None]) -> Callable[[], None]:
        """Make any error of a part the end of the load, told to the session; gevent and Locust would only print it."""

        def guarded() -> None:
            try:
                part()
            except Exception as error:  # noqa: BLE001 - told to the session, whatever it is
                self._messages.send(Fatal(f"{type(error).__name__}: {error}"))
                self._exit_code = EXIT_FATAL
                self._over.set()

        return guarded


def user(drive: Callable[[], None]) -> type:
    """Make Locust's user whose only task is the whole load."""

    def load(_user: object) -> None:
        drive()
        raise StopUser

    return type("Load", (User,), {"tasks": [load]})
