"""Simulated systems of known truth; each function answers a plan's arrivals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from gameday.experiment.plan import Plan
from gameday.record.metrics import Metrics
from simulator.engine import Engine, Job, Station
from simulator.world import Answers, drift, source

AFTER_S = 60.0
"""How long a simulation goes on after the last arrival, so that what is slow gets its answer."""


@dataclass
class Desk:
    """Notes what became of each arrival of a route."""

    service_s: np.ndarray
    status: np.ndarray

    @classmethod
    def of(cls, n: int) -> Desk:
        """Begin with no answer to anything."""
        return cls(np.full(n, math.inf), np.full(n, 200))

    def answers(self) -> Answers:
        """Return what was noted."""
        return Answers.of(self.service_s, status=self.status)


def exponential(noise: np.random.Generator, mean_s: Callable[[], float]) -> Callable[[], float]:
    """Return a source of exponential service times whose mean may change."""
    return lambda: float(noise.exponential(mean_s()))


@dataclass
class Stations:
    """Runs a plan's arrivals through stations: which station a route uses, and how long it takes there at a given time."""

    plan: Plan
    places: Mapping[str, Station]
    mean_s: Callable[[str, float], float]
    engine: Engine
    reject_s: float = 0.001
    desks: dict[str, Desk] = field(default_factory=dict)

    def run(self) -> dict[str, Answers]:
        """Simulate to the end and return every route's answers."""
        for load in self.plan.routes:
            times_s = self.plan.arrivals(load.route).times_s
            self.desks[load.route] = Desk.of(len(times_s))
            noise = source(self.plan, load.route)
            for index, t_s in enumerate(times_s):
                self.engine.at(t_s, partial(self._arrive, load.route, index, noise))
        self.engine.run(self.plan.duration_s + AFTER_S)
        return {route: desk.answers() for route, desk in self.desks.items()}

    def _arrive(self, route: str, index: int, noise: np.random.Generator) -> None:
        desk, begun_s = self.desks[route], self.engine.now_s

        def done() -> None:
            desk.service_s[index] = self.engine.now_s - begun_s

        service_s = exponential(noise, lambda: self.mean_s(route, self.engine.now_s))
        if not self.places[route].offer(Job(begun_s, service_s, done)):
            desk.service_s[index], desk.status[index] = self.reject_s, 503


def in_fault(plan: Plan, t_s: float) -> bool:
    """Tell whether a time lies in the fault phase."""
    return plan.phase("fault").start_s <= t_s < plan.phase("fault").end_s


def healthy(plan: Plan, *, mean_s: float = 0.02, servers: int = 20) -> dict[str, Answers]:
    """Answer every route from a station of its own, whatever the phase."""
    engine = Engine()
    places = {load.route: Station(engine, servers) for load in plan.routes}
    return Stations(plan, places, lambda _, __: mean_s, engine).run()


def pools(plan: Plan, *, shared: bool, slow_s: float, servers: int = 20) -> dict[str, Answers]:
    """
    Slow one route's dependency down; ``login`` and ``recommendations`` share one pool or have half of it each.

    A pool refuses at once when all its slots are taken, so Erlang B gives the truth.
    """
    engine = Engine()
    alone = Station(engine, servers, servers)
    half = servers // 2
    places = {
        "login": alone if shared else Station(engine, half, half),
        "recommendations": alone if shared else Station(engine, half, half),
        "pulse": Station(engine, 4),
    }

    def mean_s(route: str, t_s: float) -> float:
        if route == "recommendations":
            return slow_s if in_fault(plan, t_s) else 0.05
        return 0.01 if route == "login" else 0.002

    return Stations(plan, places, mean_s, engine).run()


def overloaded(plan: Plan, *, bounded: bool, servers: int = 8, mean_s: float = 0.1) -> dict[str, Answers]:
    """
    Leave ``product`` only ``servers`` of its servers while the fault is on, with as many places to wait in, or without a bound.

    Before and after it has more than it needs, so its rate fixes by how much it is overloaded: M/M/8/16 or M/M/8.
    """
    engine = Engine()
    rate_per_s = next(load.rate_per_s for load in plan.routes if load.route == "product")
    plenty = int(3 * rate_per_s * mean_s) + servers
    product = Station(engine, plenty)

    def squeeze(asleep: int, places: int | None) -> None:
        product.asleep, product.places = asleep, places
        product.serve()

    engine.at(plan.phase("fault").start_s, partial(squeeze, plenty - servers, 2 * servers if bounded else None))
    engine.at(plan.phase("fault").end_s, partial(squeeze, 0, None))
    places = {"product": product, "pulse": Station(engine, 4)}
    return Stations(plan, places, lambda route, _: 0.002 if route == "pulse" else mean_s, engine).run()


def inflated(plan: Plan, *, factor: float, sd: float, base_s: float = 0.06) -> dict[str, Answers]:
    """
    Answer with a spread around ``base_s`` that is ``factor`` times as long on every route but ``pulse`` in the fault phase.

    The machine's drift (sd of its logarithm) slows every route alike.
    """
    levels = drift(plan, sd) if sd else np.ones(int(plan.duration_s) + 1)
    answers = {}
    for load in plan.routes:
        times_s = np.array(plan.arrivals(load.route).times_s)
        fault = plan.phase("fault")
        on = (times_s >= fault.start_s) & (times_s < fault.end_s) & (load.route != "pulse")
        spread = source(plan, load.route).lognormal(0, 0.25, len(times_s))
        answers[load.route] = Answers.of(base_s * spread * levels[times_s.astype(int)] * np.where(on, factor, 1.0))
    return answers


def image_jobs(plan: Plan, *, own_process: bool, job_s: float = 0.3, base_s: float = 0.01) -> dict[str, Answers]:
    """Let every image hold the event loop that answers it: that of all routes but ``pulse``, or one of its own."""
    free_s = dict.fromkeys(("shared", "images"), 0.0)
    took = {load.route: np.zeros(load.scheduled) for load in plan.routes}
    arrived = [
        (t_s, load.route, index) for load in plan.routes for index, t_s in enumerate(plan.arrivals(load.route).times_s)
    ]
    for t_s, route, index in sorted(arrived):
        loop = "images" if own_process and route == "image" else "shared"
        begun_s = t_s if route == "pulse" else max(t_s, free_s[loop])
        if route == "image":
            free_s[loop] = begun_s + job_s
        took[route][index] = begun_s - t_s + (job_s if route == "image" else base_s)
    return {
        route: Answers.of(service_s * source(plan, route).lognormal(0, 0.1, len(service_s)))
        for route, service_s in took.items()
    }


def node_slowed(plan: Plan, answers: Mapping[str, Answers], *, factor: float) -> dict[str, Answers]:
    """Let the control route be ``factor`` times as slow in the fault phase, as it is when the machine itself is short of something."""
    found, times_s = answers["pulse"], plan.arrivals("pulse").times_s
    on = np.array([in_fault(plan, t_s) for t_s in times_s], bool)
    return {**answers, "pulse": Answers.of(found.service_s * np.where(on, factor, 1.0))}


def outage(plan: Plan, answers: Mapping[str, Answers], *, at_s: float, length_s: float) -> dict[str, Answers]:
    """Let every route but ``pulse`` answer 500 to what comes in an interval."""
    out = {}
    for route, found in answers.items():
        times_s = np.array(plan.arrivals(route).times_s)
        hit = (times_s >= at_s) & (times_s < at_s + length_s) & (route != "pulse")
        status = np.where(hit, 500, found.status)
        out[route] = Answers.of(np.where(hit, 0.002, found.service_s), status=status, origin=found.origin)
    return out


def starved(plan: Plan, answers: Mapping[str, Answers], *, lag_s: float, sent: float) -> dict[str, Answers]:
    """Let the generator run late and drop a share of everything."""
    out = {}
    for route, found in answers.items():
        kept = source(plan, f"drop {route}").random(len(found.lag_s)) < sent
        late = np.where(kept, lag_s + found.lag_s, math.inf)
        out[route] = Answers.of(found.service_s, lag_s=late, status=found.status, origin=found.origin)
    return out


def hanging(plan: Plan, answers: Mapping[str, Answers], route: str, *, share: float) -> dict[str, Answers]:
    """Let a share of one route's requests never get an answer once the fault is on."""
    found = answers[route]
    times_s = np.array(plan.arrivals(route).times_s)
    lost = (source(plan, "hang").random(len(times_s)) < share) & np.array([in_fault(plan, t_s) for t_s in times_s])
    return {**answers, route: Answers.of(np.where(lost, math.inf, found.service_s))}


def flushed(plan: Plan, *, single_flight: bool, after_s: float = 0.01) -> dict[str, Answers]:
    """
    Empty the cache of the origin's route ``after_s`` the fault's start; other routes stay well.

    A miss asks the origin, which takes its declared time, and fills the key when it is back. With single-flight a miss waits for the query
    that is under way; what was never asked for before always misses. Hot keys begin cached.
    """
    origin = next(iter(plan.system.origins.values()))
    keys = plan.system.routes[origin.route].keys
    hot = keys.count if keys else 0
    asked, emptied_s = plan.arrivals(origin.route), plan.phase("fault").start_s + after_s
    filled_s: dict[int, float] = dict.fromkeys(range(1, hot + 1), -1.0)
    service, queries, emptied = [], [], False
    for t_s, key in zip(asked.times_s, asked.keys, strict=True):
        if t_s >= emptied_s and not emptied:
            filled_s, emptied = {}, True
        ready_s = filled_s.get(key)
        asks = ready_s is None or (ready_s > t_s and not single_flight)
        if ready_s is None:
            ready_s = filled_s[key] = t_s + origin.query_s
        waits_s = origin.query_s if asks and not single_flight else max(0.0, ready_s - t_s)
        service.append(0.005 + waits_s)
        queries.append(int(asks))
    noise = source(plan, "cache").exponential(0.005, len(service))
    calm = healthy(plan)
    return {**calm, origin.route: Answers.of(np.array(service) + noise, origin=np.array(queries))}


@dataclass
class Retrying:
    """
    One route in front of ``backend``, retried at once when an attempt takes too long; a drop in capacity is the trigger.

    The backend works on attempts that nobody waits for any more: that is what keeps the overload alive.
    """

    plan: Plan
    retries: int
    places: int | None
    servers: int = 8
    mean_s: float = 0.05
    patience_s: float = 0.5

    def run(self) -> tuple[dict[str, Answers], Metrics]:
        """Simulate; the metrics hold the calls that ``web`` made to ``backend``."""
        engine = Engine()
        station = Station(engine, self.servers, self.places)
        fault = self.plan.phase("fault")
        self.calls: list[float] = []
        self.engine, self.station = engine, station
        engine.at(fault.start_s, partial(self._nap, self.servers - 1))
        engine.at(fault.end_s, partial(self._nap, 0))
        times_s = self.plan.arrivals("product").times_s
        self.desk = Desk.of(len(times_s))
        noise = source(self.plan, "product")
        self.service_s = exponential(noise, lambda: self.mean_s)
        for index, t_s in enumerate(times_s):
            engine.at(t_s, partial(self._attempt, index, t_s, self.retries))
        engine.run(self.plan.duration_s + 5)
        pulse = np.full(len(self.plan.arrivals("pulse").times_s), 0.002)
        return {"product": self.desk.answers(), "pulse": Answers.of(pulse)}, self._metrics()

    def _nap(self, asleep: int) -> None:
        self.station.asleep = asleep
        self.station.serve()

    def _attempt(self, index: int, begun_s: float, left: int) -> None:
        self.calls.append(self.engine.now_s)
        state = {"open": True}

        def done() -> None:
            if state["open"]:
                state["open"] = False
                self.desk.service_s[index] = self.engine.now_s - begun_s

        def give_up() -> None:
            if state["open"]:
                state["open"] = False
                self._again(index, begun_s, left)

        if self.station.offer(Job(self.engine.now_s, self.service_s, done)):
            self.engine.at(self.engine.now_s + self.patience_s, give_up)
        else:
            self.desk.service_s[index], self.desk.status[index] = self.engine.now_s - begun_s + 0.001, 503

    def _again(self, index: int, begun_s: float, left: int) -> None:
        if left:
            self._attempt(index, begun_s, left - 1)
        else:
            self.desk.service_s[index], self.desk.status[index] = self.engine.now_s - begun_s, 504

    def _metrics(self) -> Metrics:
        calls = np.array(self.calls)
        points = tuple((float(t), float(np.searchsorted(calls, t))) for t in range(int(self.plan.duration_s) + 1))
        key = 'dependency_requests_total{dependency="backend",outcome="ok"}'
        return Metrics({("web", key): points})
