"""
Runs of a made-up system whose truth is known: planned as any run is, answered by layers, told by a sound history.

It is no shop and has no counter. ``login`` and ``work`` enter at ``front``, where login needs nothing else, work also
``backend``; ``pulse``, the control, is alone on ``beacon``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache

import numpy as np
from pydantic import JsonValue

from gameday.analysis.judge import judge
from gameday.analysis.model import Analysis, Finding
from gameday.experiment.model import Experiment, System
from gameday.experiment.plan import Plan, plan
from gameday.faults import catalogue
from gameday.record.folder import RunData
from gameday.record.history import Event, Record
from gameday.record.metrics import Metrics
from gameday.record.requests import ROW, UNKNOWN, Outcome, Rows
from worlds.layers import HANG_S, Answers, Floats, Layer, lognormal

BASELINE_S, INJECTED_S, UNDONE_S, END_S = 6.0, 22.0, 42.0, 56.0
FAULT = (INJECTED_S, UNDONE_S)
WINDOW = (INJECTED_S + 2.0, UNDONE_S - 2.0)
"""The fault phase without its guards."""
DEADLINE_S = 1.0
LAG_S = 0.0004
RATE_PER_S = 60.0
STATUS = np.array([200, 200, 200, 503, 500, 0, 0, 0, 0])
"""The HTTP status of each outcome."""
METHODS: Mapping[str, dict[str, JsonValue]] = {
    "latency": {"edge": "front -> backend", "delay": "400ms"},
    "kill": {"service": "backend"},
    "none": {},
}
"""The faults that runs are told to have had: one that lasts, an impulse, and nothing."""
QUIET: Mapping[str, tuple[Layer, ...]] = {
    "login": (lognormal(0.035, 0.47),),
    "work": (lognormal(0.035, 0.47),),
    "pulse": (lognormal(0.0012, 0.42),),
}
"""What routes do of which a world says nothing: p95 of 76 ms, of the control 2.4 ms."""


@dataclass(frozen=True, slots=True)
class World:
    """
    What a run meets.

    Attributes:
        routes: The layers of each route that is not quiet.
        fault: One of ``METHODS``: what the history tells, whatever the layers do.
        expect: The experiment's expectations.
        steady: The hypothesis about ``login``.
    """

    routes: Mapping[str, tuple[Layer, ...]]
    fault: str = "latency"
    expect: Mapping[str, JsonValue] = field(default_factory=lambda: {"bulkhead": {"isolated": ["login"]}})
    steady: Mapping[str, str] = field(default_factory=lambda: {"good": "> 95%"})

    def run(self, seed: int) -> RunData:
        """Return one run of this world."""
        planned = self.plan(seed)
        return RunData(plan=planned, rows=self.rows(planned, seed), history=history(planned), metrics=Metrics())

    def plan(self, seed: int) -> Plan:
        """Plan a run: 60/s on each route, default phases and limits."""
        return _planned(self.fault, json.dumps([dict(self.expect), dict(self.steady)]), seed)

    def rows(self, planned: Plan, seed: int) -> Rows:
        """Return what the load writes, each route with a noise of its own."""
        parts = []
        for load in planned.routes:
            noise = np.random.default_rng([seed, load.index])
            at_s = _arrivals(seed, load.route)
            n = len(at_s)
            answers = Answers(at_s, load.rate_per_s, np.zeros(n), np.full(n, LAG_S), np.zeros(n, np.uint8))
            for layer in self.routes.get(load.route, QUIET[load.route]):
                layer(noise, answers)
            parts.append(written(answers, load.index))
        every = np.concatenate(parts)
        return every[np.argsort(every["scheduled_s"], kind="stable")]


def judged(world: World, seed: int) -> Analysis:
    """Judge one run of a world."""
    return judge(world.run(seed))


def finding(analysis: Analysis, name: str) -> Finding:
    """Return a check by its identifier."""
    return next(check for check in analysis.checks if check.id == name)


@cache
def system() -> System:
    """Return the system: no variants, no metrics, no names of the shop's."""
    return System.model_validate(
        {
            "name": "stranger",
            "targets": {"kind": {"context": "kind-stranger", "namespace": "x", "url": "http://127.0.0.1:1"}},
            "services": {"front": {}, "backend": {}, "beacon": {}},
            "dependencies": ["front -> backend"],
            "routes": {
                "login": {"request": "POST /login", "hard": ["front"]},
                "work": {"request": "GET /work", "hard": ["front", "backend"]},
                "pulse": {"request": "GET /pulse", "hard": ["beacon"], "control": True},
            },
        }
    )


@lru_cache(64)
def _planned(fault: str, declared: str, seed: int) -> Plan:
    expect, steady = json.loads(declared)
    experiment = Experiment.model_validate(
        {
            "title": "Does it notice?",
            "description": "What happens is known.",
            "system": "stranger",
            "load": {"routes": dict.fromkeys(QUIET, f"{RATE_PER_S:g}/s")},
            "steady-state-hypothesis": {"title": "Served", "probes": [{"route": "login", **steady}]},
            "method": [{"fault": fault, "parameters": METHODS[fault]}],
            "expect": expect,
        }
    )
    return plan(experiment, system(), catalogue(), name="hostile", target="kind", variant=None, seed=seed)


@lru_cache(256)
def _arrivals(seed: int, route: str) -> Floats:
    """Return the arrivals of a route, which are the same in every world."""
    return np.asarray(World({}).plan(seed).arrivals(route).times_s)


def written(answers: Answers, route: int) -> Rows:
    """Return rows as a client writes them: it gives up, notices the deadline, and leaves open what is so at the end."""
    given_up = answers.time_s >= HANG_S
    answers.spoil(given_up, Outcome.TIMEOUT)
    late = (answers.outcome <= Outcome.DEGRADED) & (answers.lag_s + answers.time_s > DEADLINE_S)
    answers.outcome[late] = Outcome.LATE
    left_s = END_S - answers.at_s - answers.lag_s
    still_open = answers.time_s > left_s
    answers.outcome[still_open] = Outcome.CENSORED
    made = np.zeros(len(answers.at_s), ROW)
    made["seq"], made["route"], made["scheduled_s"] = np.arange(len(made)), route, answers.at_s
    made["outcome"], made["attempts"], made["origin"], made["retry_after_s"] = answers.outcome, 1, UNKNOWN, np.nan
    made["status"] = STATUS[answers.outcome]
    made["lag_s"], made["service_s"] = answers.lag_s, np.clip(np.minimum(answers.time_s, left_s), 0.0, None)
    return made


def history(planned: Plan) -> tuple[Record, ...]:
    """Return what gameday notes of a run in which every part of it did its work."""
    fault = planned.faults[0]
    end_s = INJECTED_S + 0.5 if fault.shape == "impulse" else UNDONE_S
    name: dict[str, JsonValue] = {"id": f"{fault.fault}-1"}
    killed: dict[str, JsonValue] = (
        {"service": "backend", "killed": {"backend-1": "101"}} if fault.fault == "kill" else {}
    )
    dose = 0 if fault.shape == "none" else 1
    proof: dict[str, JsonValue] = {
        "bites": True, "asked": dose, "measured": dose, "unit": "edges", "n": 9 * dose, "bypassed": 0, "text": "seen",
    }  # fmt: skip
    intended: dict[str, JsonValue] = {"fault": fault.fault, "parameters": fault.parameters, "undo": {}}
    rows = sum(load.scheduled for load in planned.routes)
    told: list[tuple[float, str, Event, dict[str, JsonValue]]] = [
        (-2.0, "supervisor", Event.RUN_STARTED, {"experiment": planned.name, "seed": planned.seed}),
        (-1.0, "supervisor", Event.SYSTEM_READY, {"seconds": 1.0}),
        (0.0, "supervisor", Event.LOAD_ORIGIN, {"origin_s": 2.0}),
        (INJECTED_S - 0.05, "worker", Event.FAULT_INTENDED, name | intended),
        (INJECTED_S, "worker", Event.FAULT_INJECTED, name | {"took_s": 0.002} | killed),
        (INJECTED_S + 0.3, "worker", Event.FAULT_CONFIRMED, name | {"proof": proof}),
        (end_s, "worker", Event.FAULT_UNDONE, name),
        (end_s + 0.2, "worker", Event.FAULT_VERIFIED, name),
        (END_S + 0.1, "supervisor", Event.LOAD_DONE, {"rows": rows, "cpu_share": 0.2}),
        (END_S + 1.0, "supervisor", Event.RUN_FINISHED, {"records": {"supervisor": 5, "worker": 5}}),
    ]
    counted = {"supervisor": iter(range(9)), "worker": iter(range(9))}
    return tuple(Record(t_s, writer, next(counted[writer]), event, data) for t_s, writer, event, data in told)
