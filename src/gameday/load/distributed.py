"""Follow one load of several workers from outside: start the crew, share the schedule, gather rows while it runs, end it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from pydantic import JsonValue

from gameday.agent.lifeline import boot_id
from gameday.experiment.plan import Plan
from gameday.load.crew import Crew, Member, Pulled, read_members, read_pulled
from gameday.load.merging import merged_done, merged_tick
from gameday.load.routes import route_specs
from gameday.load.schedule import merge
from gameday.load.session import LoadLostError
from gameday.load.wire import Begin, Fatal, LoadDone, LoadTick, Ready, Spec, Stop, dump_command
from gameday.record.requests import RowWriter

LEAD_S = 1.0
"""How far ahead an origin must lie: every worker is told on its own, through the place where they run."""
PULL_S = 0.4
SILENCE_S = 5.0
"""Ten heartbeats: a worker of which nothing is heard for so long no longer sends on time."""
STOP_S = 5.0
ASK_S = 5.0
_STUCK_S = 1.0
"""How often it is asked why workers do not start."""
ROUND_TRIPS = 9
"""Of so many the quickest tells how far a worker's clock is off; half of it is what remains unknown."""
LASTS_LONGER_S = 120.0
"""How much longer than its load a crew may exist before whoever runs it ends it."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How far a worker's monotonic clock is ahead of ours; ``uncertain_s`` to either side, 0 for the clock of one kernel."""

    offset_s: float
    uncertain_s: float


class DistributedSession:
    """
    One load in several processes elsewhere; to be used as ``LoadSession`` is, whose methods it has.

    Worker ``i`` of ``n`` sends every ``n``-th arrival of the merged schedule, so that all of them together send the plan's.

    Args:
        plan: Fixes every arrival.
        folder: The run's folder, in which ``requests.<worker>.bin`` are created.
        urls: Route -> base URL as the workers reach it.
        secrets: Name -> value; they travel in the requests to the master and to the workers, and no disk holds them.
        crew: Where master and workers run.

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
        crew: Crew,
    ) -> None:
        """Resolve the routes; nothing is started."""
        self._plan, self._folder, self._crew = plan, folder, crew
        self._count = plan.experiment.load.workers
        self._spec = Spec(
            folder="",
            worker=0,
            seed=plan.seed,
            hang_s=plan.experiment.load.hang_s,
            max_in_flight=plan.most_in_flight,
            routes=route_specs(plan, urls, secrets),
        )
        self._clocks: tuple[Clock, ...] = ()
        self._members: tuple[Member, ...] = ()
        self._writers: list[RowWriter] = []
        self._pulled = Pulled((None,) * self._count, (), (0,) * self._count)
        self._ticks: list[LoadTick | None] = [None] * self._count
        self._heard_s = [0.0] * self._count
        self._ended = [False] * self._count
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._new = self._stopping = False
        self._lost: str | None = None

    @property
    def pid(self) -> None:
        """Say that no process of this machine is the load."""
        return

    @property
    def workers(self) -> tuple[dict[str, JsonValue], ...]:
        """Return what the history keeps of each worker."""
        return tuple(
            {
                "worker": member.worker,
                "name": member.name,
                "offset_s": round(clock.offset_s, 6),
                "uncertain_s": round(clock.uncertain_s, 6),
            }
            for member, clock in zip(self._members, self._clocks, strict=True)
        )

    def start(self, *, timeout_s: float = 60.0) -> None:
        """
        Start the crew and wait until every worker is ready to begin.

        Raises:
            LoadLostError: A worker gave up or was not ready in time.
        """
        until_s = time.monotonic() + timeout_s
        load = self._plan.experiment.load
        self._crew.start(self._count, lasts_s=self._plan.duration_s + load.hang_s + timeout_s + LASTS_LONGER_S)
        self._await(until_s, "reported", self._all_reported)
        self._clocks = tuple(self._clock(member) for member in self._members)
        drawn = [self._plan.arrivals(load.route) for load in self._plan.routes]
        schedule = merge([(each.times_s, each.keys) for each in drawn])
        for worker in range(self._count):
            spec = dump_command(replace(self._spec, worker=worker))
            self._ask(f"load/{worker}", spec + schedule[worker :: self._count].tobytes())
        self._await(until_s, "were ready", self._all_ready)

    def begin(self, origin_monotonic_s: float) -> None:
        """
        Let arrivals start at an instant of ``time.monotonic``, about ``LEAD_S`` ahead; it is 0 of the load's clock.

        Raises:
            ValueError: The instant is too close.
            RuntimeError: It has begun before, or was not started.
        """
        if self._writers or not self._clocks:
            raise RuntimeError("begin a load once, after its start")
        if origin_monotonic_s < time.monotonic() + LEAD_S / 2:
            raise ValueError(f"an origin at least {LEAD_S:g} s ahead is needed")
        routes = [load.route for load in self._plan.routes]
        self._writers = [
            RowWriter(self._folder, worker=worker, routes=routes, origin_monotonic_s=origin_monotonic_s)
            for worker in range(self._count)
        ]
        for worker, clock in enumerate(self._clocks):
            self._ask(f"command/{worker}", dump_command(Begin(origin_monotonic_s + clock.offset_s)))
        self._heard_s = [max(time.monotonic(), origin_monotonic_s)] * self._count
        self._thread = threading.Thread(target=self._follow, name="load-rows", daemon=True)
        self._thread.start()

    def poll(self) -> LoadTick | None:
        """
        Return the newest tick of all workers together since the last call, None without news. Call it about every second.

        Raises:
            LoadLostError: A worker gave up or fell silent; again at every call.
        """
        if self._lost:
            raise LoadLostError(self._lost)
        with self._lock:
            new, self._new = self._new, False
            return merged_tick(self._ticks) if new else None

    @property
    def running(self) -> bool:
        """Return whether the load is not over."""
        return self.finished is None and self._lost is None

    @property
    def finished(self) -> LoadDone | None:
        """Return how the load ended once all rows of all workers are here, None before, and for ever when one is lost."""
        with self._lock:
            return merged_done(self._pulled.events) if all(self._ended) else None

    def stop(self) -> LoadDone | None:
        """End the load now, wait for what is left of it for a few seconds, and remove the crew. Idempotent."""
        self._stopping = True
        if self._thread and self.running:
            with suppress(LoadLostError):
                for worker in range(self._count):
                    self._ask(f"command/{worker}", dump_command(Stop()))
            until_s = time.monotonic() + STOP_S
            while self.running and time.monotonic() < until_s:
                self._over.wait(PULL_S / 4)
        self.kill()
        return self.finished

    def kill(self) -> None:
        """Remove the crew, and let go of everything. Rows that have come stay readable. Idempotent."""
        self._over.set()
        if self._thread:
            self._thread.join(ASK_S + 1)
        for writer in self._writers:
            writer.close()
        self._crew.stop()

    def __enter__(self) -> Self:
        """Use it as a context: nothing is left behind."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the crew."""
        self.kill()

    def _ask(self, path: str, body: bytes = b"") -> bytes:
        try:
            return self._crew.ask(path, body, timeout_s=ASK_S)
        except Exception as error:
            raise LoadLostError(f"the load's master cannot be asked for {path}: {error}") from error

    def _await(self, until_s: float, what: str, missing: Callable[[], tuple[int, ...]]) -> None:
        look_s = time.monotonic()
        while waited := missing():
            names = ", ".join(map(str, waited))
            if time.monotonic() > look_s:
                look_s = time.monotonic() + _STUCK_S
                if why := self._crew.stuck():
                    raise LoadLostError(f"{why}; so load workers {names} of {self._count} cannot start")
            if time.monotonic() > until_s:
                raise LoadLostError(f"of {self._count} load workers, {names} did not say in time that they {what}")
            self._over.wait(PULL_S / 2)

    def _all_reported(self) -> tuple[int, ...]:
        self._members = read_members(self._ask("members"))
        return tuple(sorted({*range(self._count)} - {member.worker for member in self._members}))

    def _all_ready(self) -> tuple[int, ...]:
        pulled = read_pulled(self._ask("pull", json.dumps([0] * self._count).encode()))
        for worker, event in enumerate(pulled.events):
            if isinstance(event, Fatal):
                raise LoadLostError(f"load worker {worker} gave up: {event.error}")
        return tuple(worker for worker, event in enumerate(pulled.events) if not isinstance(event, Ready))

    def _clock(self, member: Member) -> Clock:
        """Compare a worker's clock with ours: of one kernel they are the same, else the quickest round trip tells."""
        if member.boot_id == boot_id():
            return Clock(0.0, 0.0)
        found = []
        for _ in range(ROUND_TRIPS):
            asked_s = time.monotonic()
            theirs_s = float(json.loads(self._ask(f"clock/{member.worker}")))
            answered_s = time.monotonic()
            found.append((answered_s - asked_s, theirs_s - (asked_s + answered_s) / 2))
        trip_s, offset_s = min(found)
        return Clock(offset_s, trip_s / 2)

    def _follow(self) -> None:
        """Gather ticks and rows until the load is over, lost, or nobody wants it any more."""
        while not self._over.is_set() and self.running:
            began_s = time.monotonic()
            try:
                self._take(read_pulled(self._pull()))
            except (LoadLostError, ValueError) as error:
                if time.monotonic() - max(self._heard_s) > SILENCE_S:
                    self._lost = str(error)
            except OSError as error:
                self._lost = f"the load's rows cannot be written: {error}"
            self._notice_silence()
            self._over.wait(max(0.02, PULL_S - (time.monotonic() - began_s)))

    def _pull(self) -> bytes:
        return self._ask("pull", json.dumps([writer.written_bytes for writer in self._writers]).encode())

    def _take(self, pulled: Pulled) -> None:
        for writer, rows in zip(self._writers, pulled.rows, strict=True):
            writer.copy(rows)
        with self._lock:
            for worker, event in enumerate(pulled.events):
                if event != self._pulled.events[worker]:
                    self._heard_s[worker] = max(self._heard_s[worker], time.monotonic())
                    self._new = True
                if isinstance(event, LoadTick):
                    self._ticks[worker] = event
                if isinstance(event, Fatal):
                    self._lost = f"load worker {worker} ({self._members[worker].name}) gave up: {event.error}"
                whole = self._writers[worker].written_bytes == pulled.written[worker]
                self._ended[worker] = isinstance(event, LoadDone) and whole
            self._pulled = pulled
        self._notice_stops()

    def _notice_stops(self) -> None:
        """See that no worker was ended by anybody else; the first is named, as the others of its Job may be ended with it."""
        ends = [
            (event.ended_s, worker)
            for worker, event in enumerate(self._pulled.events)
            if isinstance(event, LoadDone) and event.stopped
        ]
        if ends and not self._stopping and not self._lost:
            ended_s, worker = min(ends)
            name = self._members[worker].name
            self._lost = f"load worker {worker} ({name}) is lost: it was ended from outside after {ended_s:.1f} s"

    def _notice_silence(self) -> None:
        for worker, heard_s in enumerate(self._heard_s):
            if not self._ended[worker] and time.monotonic() - heard_s > SILENCE_S and not self._lost:
                name = self._members[worker].name
                self._lost = f"load worker {worker} ({name}) is lost: nothing was heard of it for {SILENCE_S:g} s"
