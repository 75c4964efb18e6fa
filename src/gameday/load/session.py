"""Follow one load from outside: start its process, begin, read how it goes, notice when it is lost, end it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import JsonValue

from gameday.experiment.plan import Plan
from gameday.load.closed import closed_routes, closed_spec
from gameday.load.process import ChildProcess, until
from gameday.load.routes import LoadSpecError, route_specs
from gameday.load.schedule import merge
from gameday.load.wire import (
    Begin,
    Event,
    Fatal,
    LoadDone,
    LoadTick,
    Ready,
    RouteDone,
    RouteTick,
    Spec,
    Stop,
    dump_command,
    load_event,
)

__all__ = ["LoadDone", "LoadLostError", "LoadSession", "LoadSpecError", "LoadTick", "RouteDone", "RouteTick"]

LEAD_S = 0.2
"""How far ahead an origin must lie, so that the child knows it before it comes."""
SILENCE_S = 3.0
"""Six heartbeats: a child that is silent for so long no longer sends on time, whatever it does."""
STOP_S = 1.5
_DIED = "died"


class LoadLostError(Exception):
    """The load process died, fell silent or gave up; the text says how, with the last lines it printed."""


class LoadSession:
    """
    One load in a process of its own. Use it from one thread; ``start`` from the main thread.

    The child is killed by the kernel when the thread that started it ends, and stops when this session is closed.

    Args:
        plan: Fixes every arrival.
        folder: The run's folder, in which ``requests.0.bin`` is created.
        urls: Route -> base URL, ``http://HOST:PORT``.
        secrets: Name -> value of what ``${name}`` stands for in headers and bodies. They travel over the child's standard input
            only: its arguments, its environment and the disk never hold them.
        max_in_flight: Open requests beyond which arrivals are dropped; the plan's if it is not given.
        locustfile: Where the locustfile of a closed plan lies; its secrets are in the environment, as for any Locust user.

    Raises:
        LoadSpecError: A route cannot be loaded as it is declared.
    """

    lead_s = LEAD_S

    def __init__(
        self,
        plan: Plan,
        *,
        folder: Path,
        urls: Mapping[str, str],
        secrets: Mapping[str, str],
        max_in_flight: int | None = None,
        locustfile: Path | None = None,
    ) -> None:
        """Resolve the routes; nothing is started."""
        self._plan, self._secrets = plan, tuple(secrets.values())
        self._log = folder / "logs" / "locust.log" if locustfile else None
        self._spec = Spec(
            folder=str(folder.resolve()),
            worker=0,
            seed=plan.seed,
            hang_s=plan.experiment.load.hang_s,
            max_in_flight=max_in_flight or plan.most_in_flight,
            routes=closed_routes(plan) if locustfile else route_specs(plan, urls, secrets),
            closed=closed_spec(plan, urls, locustfile) if locustfile else None,
        )
        self._child: ChildProcess | None = None
        self._ready: Ready | None = None
        self._tick: LoadTick | None = None
        self._done: LoadDone | None = None
        self._lost: str | None = None
        self._begun = False
        self._heard_s = self._polled_s = 0.0

    def start(self, *, timeout_s: float = 10.0) -> None:
        """
        Start the process and wait until it is ready to begin.

        Raises:
            LoadLostError: It died or was not ready in time.
            RuntimeError: This is not the main thread, or it was started before.
        """
        if self._child or threading.current_thread() is not threading.main_thread():
            raise RuntimeError("start a load session once, from the main thread")
        arrivals = [self._plan.arrivals(load.route) for load in self._plan.routes]
        schedule = merge([(drawn.times_s, drawn.keys) for drawn in arrivals])
        whole = self._spec.closed is not None
        self._child = child = ChildProcess(schedule, secrets=self._secrets, whole_environment=whole)
        child.send(dump_command(self._spec))
        deadline_s = time.monotonic() + timeout_s
        while not self._ready:
            child.wait_for_message(until(deadline_s))
            self._drain()
            if not self._ready and not until(deadline_s):
                self._lose(f"was not ready within {timeout_s:g} s")
            self._raise_if_lost()

    @property
    def workers(self) -> tuple[dict[str, JsonValue], ...]:
        """Return what the history keeps of each of several workers: there is only this one."""
        return ()

    @property
    def pid(self) -> int:
        """Return the process id of the load. Raises ``RuntimeError`` before ``start``."""
        return self._started().pid

    def begin(self, origin_monotonic_s: float) -> None:
        """
        Let arrivals start at an instant of ``time.monotonic``, at least ``LEAD_S`` ahead; it is 0 of the load's clock.

        Raises:
            ValueError: The instant is too close.
            RuntimeError: It has begun before, or was not started.
        """
        if not self._ready or self._begun:
            raise RuntimeError("begin a load once, after its start")
        if origin_monotonic_s < time.monotonic() + LEAD_S:
            raise ValueError(f"an origin at least {LEAD_S:g} s ahead is needed")
        self._started().send(dump_command(Begin(origin_monotonic_s)))
        self._begun = True
        self._heard_s = self._polled_s = time.monotonic()

    def poll(self) -> LoadTick | None:
        """
        Return the newest tick since the last call, None without news. Call it about every second.

        Raises:
            LoadLostError: The process died, or sent nothing for ``SILENCE_S`` (then it is killed); again at every call.
        """
        before, self._polled_s = self._polled_s, time.monotonic()
        self._drain()
        awake = self._polled_s - before < SILENCE_S / 2
        # After a pause of our own the child, paused with us perhaps, gets another moment to be heard.
        if self._begun and not self._done and awake and self._polled_s - self._heard_s > SILENCE_S:
            self._lose(f"sent nothing for {SILENCE_S:g} s")
        self._raise_if_lost()
        tick, self._tick = self._tick, None
        return tick

    @property
    def running(self) -> bool:
        """Return whether the process lives and the load is not over."""
        self._drain()
        return self._child is not None and self._done is None and self._lost is None

    @property
    def finished(self) -> LoadDone | None:
        """Return how the load ended, None while it has not, or never will because it is lost."""
        self._drain()
        return self._done

    def stop(self) -> LoadDone | None:
        """
        End the load now: what is open becomes censored rows, what was not due yet has none.

        Returns within ``STOP_S`` and a moment; a process that is not over then is killed. Idempotent.
        """
        if self.running:
            child, deadline_s = self._started(), time.monotonic() + STOP_S
            child.send(dump_command(Stop()))
            while self.running and until(deadline_s):
                child.wait_for_message(until(deadline_s))
            if self.running:
                self._lose(f"did not stop within {STOP_S:g} s")
        self.kill()
        return self._done

    def kill(self) -> None:
        """Kill the process if it still runs, and let go of everything. Rows written before stay readable. Idempotent."""
        if self._child:
            self._child.kill()
            self._close(self._child)

    def __enter__(self) -> Self:
        """Use it as a context: nothing is left behind."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Kill what still runs."""
        self.kill()

    def _started(self) -> ChildProcess:
        if not self._child:
            raise RuntimeError("the load session was not started")
        return self._child

    def _drain(self) -> None:
        """Read every message that has come; at their end, reap the process."""
        while self._child and not self._lost and (message := self._child.receive()) is not None:
            if not message:
                if not self._done:
                    self._lose(_DIED)
                self._child.reap()
                self._close(self._child)
                return
            self._heard(load_event(message))

    def _heard(self, event: Event) -> None:
        self._heard_s = time.monotonic()
        match event:
            case Ready():
                self._ready = event
            case LoadTick():
                self._tick = event
                self._heard_s = event.monotonic_s
            case LoadDone():
                self._done = event
            case Fatal():
                self._lose(f"gave up: {event.error}")

    def _lose(self, how: str) -> None:
        child = self._started()
        if how == _DIED:
            child.reap()
            how += f" with exit code {child.code}"
        child.kill()
        printed = child.printed()
        self._close(child)
        self._lost = child.hide_secrets(f"the load process {how}") + (f"; it printed:\n{printed}" if printed else "")

    def _close(self, child: ChildProcess) -> None:
        """Let go of the process; what a person's own locustfile printed is kept in the run's folder."""
        if self._log and (text := child.log()):
            self._log.parent.mkdir(exist_ok=True)
            self._log.write_text(text + "\n", encoding="utf-8")
        child.close()

    def _raise_if_lost(self) -> None:
        if self._lost:
            raise LoadLostError(self._lost)
