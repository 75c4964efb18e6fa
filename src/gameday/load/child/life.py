"""The life of a load in this process, whoever sends its requests: ready, begun, told of once a tick, done."""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace

import gevent
from gevent.event import Event as Flag

from gameday.agent.resources import SHORTAGES
from gameday.load.child.control import Heard, Told
from gameday.load.wire import EXIT_FATAL, EXIT_ORPHANED, TICK_S, Begin, Fatal, LoadDone, LoadTick, Ready, RouteTick

_FLUSH_S = TICK_S / 2


class Life:
    """
    What a load hears from the session and tells it.

    Attributes:
        begun: Set when the session has said when to begin.
        origin_s: That instant, of ``time.monotonic``; 0 before.
    """

    def __init__(self, commands: Heard, messages: Told, *, stop: Callable[[], None]) -> None:
        """Hear and tell nothing yet; ``stop`` is called, perhaps more than once, when the load is to end now."""
        self._commands, self._messages, self._stop = commands, messages, stop
        self.begun, self._over = Flag(), Flag()
        self.origin_s = 0.0
        self._exit_code = 0

    def obey(self) -> None:
        """From now on do what the session says, SIGTERM too; where the session ends, so does the load."""
        gevent.signal_handler(signal.SIGTERM, self._stop)
        gevent.spawn(self.guarded(self._obey))

    def last(self) -> int:
        """Say that the load is ready, wait until it is over, and return the exit code."""
        gc.collect()
        # What exists now stays: the collector need not look at it again while the load runs.
        gc.freeze()
        self._messages.send(Ready(os.getpid()))
        self._over.wait()
        return self._exit_code

    def follow(
        self, look: Callable[[], None], ticks: Callable[[], tuple[RouteTick, ...]], in_flight: Callable[[], int]
    ) -> gevent.Greenlet:
        """Start to ``look`` twice a tick, and to tell how the load goes once a tick, until what is returned is killed."""
        return gevent.spawn(self.guarded(lambda: self._follow(look, ticks, in_flight)))

    def end(self, done: LoadDone) -> None:
        """Tell how the load ended."""
        self._messages.send(replace(done, shortages=SHORTAGES.state()))
        self._over.set()

    def end_unbegun(self) -> None:
        """Tell that the load ended before it began."""
        self.end(LoadDone((), 0.0, 0.0, stopped=True))

    def guarded(self, part: Callable[[], None]) -> Callable[[], None]:
        """Make any error of a part the end of the load, told to the session; gevent and Locust would only print it."""

        def guarded() -> None:
            try:
                part()
            except Exception as error:  # noqa: BLE001 - told to the session, whatever it is
                self._messages.send(Fatal(f"{type(error).__name__}: {error}"))
                self._exit_code = EXIT_FATAL
                self._over.set()

        return guarded

    def _obey(self) -> None:
        for command in self._commands.listen():
            if isinstance(command, Begin):
                self.origin_s = command.origin_monotonic_s
                self.begun.set()
            else:
                self._stop()
        self._exit_code = EXIT_ORPHANED
        self._stop()

    def _follow(
        self, look: Callable[[], None], ticks: Callable[[], tuple[RouteTick, ...]], in_flight: Callable[[], int]
    ) -> None:
        wall_s, cpu_s = time.monotonic(), time.process_time()
        while True:
            gevent.sleep(_FLUSH_S)
            look()
            now_s, now_cpu_s = time.monotonic(), time.process_time()
            if now_s - wall_s < TICK_S - _FLUSH_S / 2:
                continue
            share = (now_cpu_s - cpu_s) / (now_s - wall_s)
            wall_s, cpu_s = now_s, now_cpu_s
            self._messages.offer(LoadTick(now_s - self.origin_s, now_s, ticks(), in_flight(), share))
