"""Plans, histories and rows of simulated runs; nothing here knows how they will be judged."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, JsonValue

from gameday.experiment.catalogue import Mistake, PlannedFault, Shape
from gameday.experiment.model import Experiment, System
from gameday.experiment.plan import Plan, plan
from gameday.faults.surge import Surge
from gameday.record.folder import RunData
from gameday.record.history import Event, Record
from gameday.record.metrics import Metrics
from gameday.record.requests import ROW, UNKNOWN, Outcome, Rows

ROOT = Path(__file__).parent.parent.parent
TARGET = "simulated"
COUNTERS = {
    "requests": "http_requests_total",
    "request-time": "http_request_duration_seconds",
    "route-label": "route",
    "calls": "dependency_requests_total",
    "dependency-label": "dependency",
}
"""Which metrics of a made-up server count what."""


class Anything(BaseModel):
    """Parameters of a simulated fault: whatever was written."""

    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True)
class Kind:
    """A kind of fault of the simulator: its shape, and which service it touches."""

    name: str
    shape: Shape
    parameters: type[BaseModel] = Anything

    def check(self, parameters: BaseModel, system: System) -> tuple[Mistake, ...]:
        """Find nothing wrong."""
        del parameters, system
        return ()

    def plan(self, parameters: BaseModel, system: System) -> PlannedFault:
        """Resolve an edge (its callee) or a service."""
        del system
        given: dict[str, JsonValue] = parameters.model_dump()
        touched = str(given.get("edge", given.get("service", ""))).rpartition(" -> ")[2]
        dose = "0" if self.shape == "none" else "some"
        services = (touched,) if touched else ()
        edges = (str(given["edge"]),) if "edge" in given else ()
        return PlannedFault(self.name, self.shape, given, services, edges, dose, "", "", "")


KINDS = {
    kind.name: kind
    for kind in (
        Kind("none", "none"),
        Kind("latency", "step"),
        Kind("empty-cache", "impulse"),
        Kind("kill", "impulse"),
        Surge(),
    )
}
"""What a surge adds is in the plan's own arrivals, so it is the real one."""


def shipped(name: str, seed: int, *, variant: str = "hardened") -> Plan:
    """Plan an experiment that ships, at the rates that ship."""
    experiment = yaml.safe_load((ROOT / "experiments" / f"{name}.yaml").read_text())
    method = [
        {"fault": fault, "parameters": parameters or {}}
        for each in experiment.pop("method")
        for fault, parameters in each.items()
    ]
    system = yaml.safe_load((ROOT / "experiments/systems/shop.yaml").read_text())
    return plan(
        Experiment.model_validate({**experiment, "method": method}),
        System.model_validate(system),
        KINDS,
        name=name,
        target=TARGET,
        variant=variant,
        seed=seed,
    )


@dataclass(frozen=True)
class Asked:
    """What to plan for a made-up system: routes with their rates, who needs the faulted service, and what is expected."""

    rates_per_s: Mapping[str, float]
    fault: str = "latency"
    pressed: tuple[str, ...] = ()
    expect: Mapping[str, object] = dataclasses.field(default_factory=dict)
    probes: tuple[Mapping[str, object], ...] = ({"route": "login", "good": "> 97%"},)
    phases: Mapping[str, str] = dataclasses.field(
        default_factory=lambda: {"warmup": "6s", "baseline": "16s", "fault": "20s", "recovery": "14s"}
    )
    hang: str = "3s"
    workers: int = 1
    deadline: str = "1s"


def made_up(asked: Asked, seed: int) -> Plan:
    """Plan a run of a made-up system: ``web`` in front of ``backend``, and ``pulse``, which shares nothing."""
    routes = {
        name: {
            "request": f"GET /{name}",
            "deadline": asked.deadline,
            "hard": ["web", "backend"] if name in asked.pressed else ["pulse"] if name == "pulse" else ["web"],
            "control": name == "pulse",
        }
        for name in asked.rates_per_s
    }
    system = {
        "name": "made-up",
        "targets": {},
        "services": {"web": {"counters": COUNTERS}, "backend": {}, "pulse": {"counters": COUNTERS}},
        "dependencies": ["web -> backend"],
        "routes": routes,
    }
    parameters: dict[str, JsonValue] = {} if asked.fault == "none" else {"edge": "web -> backend"}
    experiment = {
        "title": "A simulated question",
        "description": "Its truth is known.",
        "system": "made-up",
        "load": {
            "routes": {name: f"{rate:g}/s" for name, rate in asked.rates_per_s.items()},
            "hang": asked.hang,
            "workers": asked.workers,
        },
        "phases": dict(asked.phases),
        "steady-state-hypothesis": {"title": "Served", "probes": [dict(probe) for probe in asked.probes]},
        "method": [{"fault": asked.fault, "parameters": parameters}],
        "expect": dict(asked.expect),
    }
    return plan(
        Experiment.model_validate(experiment),
        System.model_validate(system),
        KINDS,
        name="simulated",
        target=TARGET,
        variant=None,
        seed=seed,
    )


@dataclass(frozen=True)
class Answers:
    """
    What became of one route's requests, one entry per arrival.

    Attributes:
        lag_s: Sent minus scheduled; infinite when the generator dropped it.
        service_s: Until the answer; infinite when there never was one.
        status: 200, 503 or 500; a fallback is a 200 with ``degraded``.
        origin: Queries to the origin that the answer names.
    """

    lag_s: np.ndarray
    service_s: np.ndarray
    status: np.ndarray
    degraded: np.ndarray
    origin: np.ndarray

    @classmethod
    def of(cls, service_s: Sequence[float] | np.ndarray, **more: np.ndarray) -> Answers:
        """Fill in what is not given: no lag, 200, not degraded, no word of the origin."""
        n = len(service_s)
        return cls(
            lag_s=more.get("lag_s", np.full(n, 0.0005)),
            service_s=np.asarray(service_s, float),
            status=more.get("status", np.full(n, 200)),
            degraded=more.get("degraded", np.zeros(n, bool)),
            origin=more.get("origin", np.full(n, UNKNOWN)),
        )


def rows_of(plan_: Plan, answers: Mapping[str, Answers], *, gives_up: bool = True) -> Rows:
    """
    Write the rows as a client would see them.

    Args:
        plan_: Its arrivals are the rows' schedule.
        answers: Per route.
        gives_up: Whether the client times out at the hang threshold and the load waits for that at its end; otherwise what is open when the
            load ends is cut off and censored.
    """
    parts = []
    for load in plan_.routes:
        times_s = np.array(plan_.arrivals(load.route).times_s)
        parts.append(_route_rows(plan_, load.index, times_s, answers[load.route], gives_up=gives_up))
    rows = np.concatenate(parts)
    return rows[np.lexsort((rows["seq"], rows["route"], rows["scheduled_s"]))]


def _route_rows(plan_: Plan, index: int, times_s: np.ndarray, found: Answers, *, gives_up: bool) -> Rows:
    deadline_s = plan_.system.routes[plan_.routes[index].route].deadline_s
    hang_s, end_s = plan_.experiment.load.hang_s, plan_.duration_s
    n = len(times_s)
    sent, service_s = np.isfinite(found.lag_s), found.service_s.copy()
    lag_s = np.where(sent, found.lag_s, 0.0)
    well = (found.status == 200) & (lag_s + service_s <= deadline_s)
    outcome = np.select(
        [~sent, found.status == 503, found.status != 200, well & found.degraded, well],
        [Outcome.DROPPED, Outcome.REJECTED, Outcome.ERROR, Outcome.DEGRADED, Outcome.OK],
        Outcome.LATE,
    )
    if gives_up:
        over = sent & (service_s >= hang_s)
        outcome[over], service_s[over] = Outcome.TIMEOUT, hang_s
    else:
        over = sent & (times_s + lag_s + service_s > end_s)
        outcome[over] = Outcome.CENSORED
        service_s[over] = np.maximum(0.0, end_s - times_s - lag_s)[over]
    service_s[~sent] = 0.0
    rows = np.zeros(n, ROW)
    rows["seq"], rows["route"], rows["scheduled_s"] = np.arange(n), index, times_s
    rows["outcome"], rows["attempts"], rows["lag_s"], rows["service_s"] = outcome, sent, lag_s, service_s
    rows["status"] = np.where(over | ~sent, 0, found.status)
    rows["origin"] = np.where(over | ~sent, UNKNOWN, found.origin)
    rows["retry_after_s"] = np.nan
    return rows


def story(plan_: Plan, *, proven: bool = True, undone: bool = True) -> tuple[Record, ...]:
    """Write the history of a run that went to its end; an unproven fault is seen to be inert."""
    fault, recovery = plan_.phase("fault"), plan_.phase("recovery")
    told: list[tuple[float, Event, dict[str, JsonValue]]] = [
        (-2.0, Event.RUN_STARTED, {"experiment": plan_.name, "target": plan_.target, "seed": plan_.seed}),
        (0.0, Event.LOAD_ORIGIN, {"origin_s": 0.0}),
        (recovery.end_s + 3.1, Event.LOAD_DONE, {"rows": 0, "cpu_share": 0.13}),
        (recovery.end_s + 4.0, Event.RUN_FINISHED, {}),
    ]
    told += [(phase.start_s, Event.PHASE_ENTERED, {"phase": str(phase.name)}) for phase in plan_.phases]
    for index, planned in enumerate(plan_.faults):
        named: dict[str, JsonValue] = {"id": f"f{index}"}
        seen: dict[str, JsonValue] = {
            **named,
            "proof": {"asked": planned.dose, "measured": planned.dose if proven else "0", "n": 40},
        }
        told += [
            (fault.start_s, Event.FAULT_INTENDED, {**named, "fault": planned.fault, "parameters": {}, "undo": {}}),
            (fault.start_s + 0.01, Event.FAULT_INJECTED, named),
            (fault.start_s + 0.5, Event.FAULT_CONFIRMED if proven else Event.FAULT_INERT, seen),
        ]
        if undone:
            told += [
                (fault.end_s + 0.05, Event.FAULT_UNDONE, named),
                (fault.end_s + 0.2, Event.FAULT_VERIFIED, named),
            ]
    ordered = sorted(told, key=lambda each: each[0])
    return tuple(Record(t_s, "simulator", seq, event, data) for seq, (t_s, event, data) in enumerate(ordered))


def run_of(
    plan_: Plan,
    answers: Mapping[str, Answers],
    *,
    proven: bool = True,
    gives_up: bool = True,
    metrics: Metrics | None = None,
) -> RunData:
    """Put a whole run together."""
    return RunData(plan_, rows_of(plan_, answers, gives_up=gives_up), story(plan_, proven=proven), metrics or Metrics())


def server_pages(
    plan_: Plan, answers: Mapping[str, Answers], *, uncounted: float = 0.0, quicker_s: float = 0.001
) -> Metrics:
    """
    Write the counters of the entry services as pages sampled once a second.

    Args:
        plan_: Names the routes and where they enter.
        answers: What clients saw; the server counts a request when its answer leaves.
        uncounted: The share of requests that the server's counters lose.
        quicker_s: How much less time the server sees than the client.
    """
    samples = {}
    for load in plan_.routes:
        found = answers[load.route]
        times_s = np.array(plan_.arrivals(load.route).times_s)
        kept = source(plan_, f"count {load.route}").random(len(times_s)) >= uncounted
        ended = np.argsort(times_s + found.lag_s + found.service_s)
        ended = ended[kept[ended]]
        ended_s = (times_s + found.lag_s + found.service_s)[ended]
        took_s = np.concatenate([[0.0], np.cumsum(np.maximum(0.0, found.service_s[ended] - quicker_s))])
        entry, route = plan_.system.routes[load.route].entry, f'route="{load.route}"'
        seconds = [second + 0.03 for second in range(int(plan_.duration_s) + 1)]
        counts = [int(np.searchsorted(ended_s, t_s)) for t_s in seconds]
        samples[entry, f'http_requests_total{{code="200",{route}}}'] = tuple(
            (t_s, float(count)) for t_s, count in zip(seconds, counts, strict=True)
        )
        samples[entry, f"http_request_duration_seconds_sum{{{route}}}"] = tuple(
            (t_s, float(took_s[count])) for t_s, count in zip(seconds, counts, strict=True)
        )
    return Metrics(samples)


def source(plan_: Plan, label: str) -> np.random.Generator:
    """Return randomness that the plan's seed and a label fix."""
    return np.random.default_rng([plan_.seed, *label.encode()])


def drift(plan_: Plan, sd: float, *, memory: float = 0.9) -> np.ndarray:
    """Return one factor per second by which the machine slows everything: lognormal, autoregressive."""
    noise = source(plan_, "drift")
    seconds = int(plan_.duration_s) + 1
    level, levels = float(noise.normal(0, sd)), []
    for _ in range(seconds):
        level = memory * level + float(noise.normal(0, sd * (1 - memory**2) ** 0.5))
        levels.append(level)
    return np.asarray(np.exp(np.array(levels)))
