"""A closed load on a simulated system: users who wait for an answer, then think, then ask again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from gameday.experiment.model import Load
from gameday.experiment.plan import Plan, RouteLoad
from gameday.record.folder import RunData
from gameday.record.metrics import Metrics
from gameday.record.requests import ROW, UNKNOWN, Outcome, Rows
from simulator.engine import Engine, Job, Station
from simulator.world import Asked, made_up, source, story


def closed(asked: Asked, seed: int) -> Plan:
    """Plan a made-up system's run whose load is a locustfile; the rates of what is asked name its routes only."""
    plan = made_up(asked, seed)
    load = Load.model_validate({"locustfile": "shop.py", "hang": asked.hang})
    return replace(
        plan,
        experiment=plan.experiment.model_copy(update={"load": load}),
        routes=tuple(RouteLoad(index, name, 0.0, 0) for index, name in enumerate(asked.rates_per_s)),
    )


@dataclass
class Users:
    """
    ``users`` per route, each with its own sequence of thinking and asking, in front of one station per route.

    Attributes:
        mean_s: Route and time -> mean service time.
        broken: Route and time -> whether the answer is a 500.
        frozen_s: Intervals in which no route but ``pulse`` serves anybody.
    """

    plan: Plan
    users: int = 20
    think_s: float = 0.2
    servers: int = 20
    mean_s: Callable[[str, float], float] = lambda _, __: 0.02
    broken: Callable[[str, float], bool] = lambda _, __: False
    frozen_s: tuple[tuple[float, float], ...] = ()
    seen: dict[str, list[tuple[float, float, bool]]] = field(default_factory=dict)

    def run(self) -> RunData:
        """Simulate to the end and write down what the clients saw."""
        engine = Engine()
        for load in self.plan.routes:
            self.seen[load.route] = []
            station = Station(engine, self.servers)
            for number in range(self.users):
                noise = source(self.plan, f"{load.route} {number}")
                engine.at(float(noise.random()), partial(self._ask, engine, station, load.route, noise))
            for start_s, end_s in self.frozen_s if load.route != "pulse" else ():
                engine.at(start_s, partial(self._sleep, station, self.servers))
                engine.at(end_s, partial(self._sleep, station, 0))
        engine.run(self.plan.duration_s + self.plan.experiment.load.hang_s + 0.001)
        return RunData(self.plan, self._rows(), story(self.plan), Metrics())

    def _sleep(self, station: Station, asleep: int) -> None:
        station.asleep = asleep
        station.serve()

    def _ask(self, engine: Engine, station: Station, route: str, noise: np.random.Generator) -> None:
        sent_s = engine.now_s
        if sent_s >= self.plan.duration_s:
            return

        state = {"open": True}

        def note(took_s: float) -> None:
            if state["open"]:
                state["open"] = False
                self.seen[route].append((sent_s, took_s, self.broken(route, sent_s)))

        def done() -> None:
            note(engine.now_s - sent_s)
            thinks_s = float(noise.exponential(self.think_s))
            engine.at(engine.now_s + thinks_s, partial(self._ask, engine, station, route, noise))

        # At the hang threshold a request is a timeout, though its user goes on to wait.
        hang_s = self.plan.experiment.load.hang_s
        engine.at(sent_s + hang_s, partial(note, hang_s))
        station.offer(Job(sent_s, lambda: float(noise.exponential(self.mean_s(route, sent_s))), done))

    def _rows(self) -> Rows:
        rows = np.concatenate([self._of(load.index, load.route) for load in self.plan.routes])
        return rows[np.lexsort((rows["seq"], rows["route"], rows["scheduled_s"]))]

    def _of(self, index: int, route: str) -> Rows:
        seen = self.seen[route]
        sent_s, took_s, broken = (np.array([each[part] for each in seen]) for part in range(3))
        rows = np.zeros(len(seen), ROW)
        rows["seq"], rows["route"], rows["attempts"] = np.arange(len(seen)), index, 1
        rows["scheduled_s"], rows["service_s"] = sent_s, took_s
        hang_s, deadline_s = self.plan.experiment.load.hang_s, self.plan.system.routes[route].deadline_s
        rows["outcome"] = np.select(
            [took_s >= hang_s, broken.astype(bool), took_s > deadline_s],
            [Outcome.TIMEOUT, Outcome.ERROR, Outcome.LATE],
            Outcome.OK,
        )
        rows["status"] = np.where(broken, 500, 200)
        rows["origin"], rows["retry_after_s"] = UNKNOWN, np.nan
        return rows
