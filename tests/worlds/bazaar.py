"""
A made-up system with insides, event by event: a gate with slots, whose requests call a cache, a database and a bank.

Its truth is what is broken in it. It is no shop: its services publish counters under names of their own, which its system
file maps, and ``pulse``, the control, is alone on ``beacon``.
"""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial

import numpy as np
from pydantic import JsonValue

from gameday.experiment.model import Experiment, System
from gameday.experiment.plan import Plan, plan
from gameday.faults import catalogue
from gameday.record.folder import RunData
from gameday.record.metrics import Metrics
from gameday.record.requests import Outcome, Rows
from worlds.layers import Answers, Floats, Span, within
from worlds.runs import END_S, FAULT, INJECTED_S, LAG_S, history, written

RATE_PER_S = 60.0
ROUTES = {"enter": ("vault",), "browse": ("shelf",), "pay": ("bank",), "pulse": ()}
"""What each route's requests call; who misses at the shelf asks the vault."""
KEYS = 40
METHODS: Mapping[str, dict[str, JsonValue]] = {
    "none": {},
    "latency": {"edge": "gate -> bank", "delay": "400ms"},
    "empty-cache": {"service": "shelf"},
}
OF_VAULT: dict[str, JsonValue] = {"edge": "gate -> vault", "delay": "400ms"}


@dataclass(frozen=True, slots=True)
class Broken:
    """
    What is broken in a span of time.

    Attributes:
        slower: Service -> how many times longer it takes; ``node`` slows everything, the beacon too.
        failing: Callee -> the share of calls that it fails.
        emptied: Whether the shelf loses everything at the begin.
        lag_s: How late the generator sends at the most.
        slots: How many of the gate's slots never come free.
    """

    slower: Mapping[str, float] = field(default_factory=dict)
    failing: Mapping[str, float] = field(default_factory=dict)
    emptied: bool = False
    lag_s: float = 0.0
    slots: int = 0


@dataclass(frozen=True, slots=True)
class Bazaar:
    """
    A system and what happens to it.

    Attributes:
        broken: What is broken while the fault is on.
        fault: What gameday is told to have injected: one of ``METHODS``, or latency on the vault for ``vault``.
        slots: How many requests the gate serves at once; one pool for all, or of each callee if ``split``.
        servers: How many queries the vault serves at once; ``query_s`` is how long one takes.
        tries: How often the gate calls; it gives up on a try after ``patience_s``.
        counted: Whether the services publish counters.
    """

    broken: Broken = Broken()
    fault: str = "none"
    slots: int = 24
    split: bool = False
    servers: int = 30
    query_s: float = 0.012
    tries: int = 1
    patience_s: float = 5.0
    counted: bool = True

    def run(self, seed: int) -> RunData:
        """Return one run."""
        planned = _planned(self.fault, seed, self.counted)
        sim = Simulation(self, planned, np.random.default_rng([seed, 77]))
        rows = sim.rows()
        metrics = sim.metrics() if self.counted else Metrics()
        return RunData(plan=planned, rows=rows, history=history(planned), metrics=metrics)


@dataclass(slots=True)
class Request:
    """One request under way: what it still has to call, and how often it tried the next."""

    route: str
    number: int
    calls: list[str]
    key: int
    tried: int = 0


class Simulation:
    """Plays a run, event by event: requests wait for a slot, hold it over all their calls, and count what they do."""

    def __init__(self, bazaar: Bazaar, planned: Plan, noise: np.random.Generator) -> None:
        """Prepare an idle system whose shelf holds every key."""
        self.bazaar, self.planned, self.noise = bazaar, planned, noise
        self.events: list[tuple[float, int, Callable[[float], None]]] = []
        self.numbered = 0
        self.counted: dict[str, list[float]] = defaultdict(list)
        self.took: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self.busy: dict[str, int] = defaultdict(int)
        self.gauges: dict[str, list[tuple[float, float]]] = defaultdict(lambda: [(-9.0, 0.0)])
        self.waiting: dict[str, deque[Request]] = defaultdict(deque)
        self.free_s = [0.0] * bazaar.servers
        self.shelf = set(range(KEYS))
        self.gauges["shelf"] = [(-9.0, float(KEYS))]
        self.answers: dict[str, Answers] = {}
        self.drift = np.exp(0.1 * noise.standard_normal(70))

    def at(self, t_s: float, act: Callable[[float], None]) -> None:
        """Do something at a time."""
        self.numbered += 1
        heapq.heappush(self.events, (t_s, self.numbered, act))

    def is_on(self, t_s: float) -> bool:
        """Return whether what is broken is so now."""
        return FAULT[0] <= t_s < FAULT[1]

    def slowed(self, what: str, t_s: float) -> float:
        """Return how many times longer something takes now, noise included."""
        usual = float(self.drift[min(int(t_s), 69)]) * float(self.noise.lognormal(0.0, 0.4))
        if not self.is_on(t_s):
            return usual
        slower = self.bazaar.broken.slower
        return usual * slower.get("node", 1.0) * slower.get(what, 1.0)

    def rows(self) -> Rows:
        """Play it to the end and return what the client writes."""
        for load in self.planned.routes:
            at_s = np.asarray(self.planned.arrivals(load.route).times_s)
            lag_s = np.full(len(at_s), LAG_S)
            if self.bazaar.broken.lag_s:
                late = within(at_s, [FAULT])
                lag_s[late] = self.noise.uniform(0.2, 1.0, int(late.sum())) * self.bazaar.broken.lag_s
            self.answers[load.route] = Answers(
                at_s, load.rate_per_s, np.full(len(at_s), 99.0), lag_s, np.zeros(len(at_s), np.uint8)
            )
            keys = self.noise.integers(0, KEYS, len(at_s)).tolist()
            for number, t_s in enumerate((at_s + lag_s).tolist()):
                self.at(t_s, self.arrival(Request(load.route, number, list(ROUTES[load.route]), keys[number])))
        if self.bazaar.broken.emptied:
            self.at(INJECTED_S, lambda t_s: self.keep(set(), t_s))
        if self.bazaar.broken.slots:
            for begins, sign in ((FAULT[0], 1), (FAULT[1], -1)):
                self.at(begins, partial(self.hold, "all", sign * self.bazaar.broken.slots))
        while self.events:
            t_s, _, act = heapq.heappop(self.events)
            if t_s > END_S + 5:
                break
            act(t_s)
        every = np.concatenate([written(self.answers[load.route], load.index) for load in self.planned.routes])
        return every[np.argsort(every["scheduled_s"], kind="stable")]

    def keep(self, keys: set[int], t_s: float) -> None:
        """Let the shelf hold these keys from now on."""
        self.shelf = keys
        self.gauges["shelf"].append((t_s, float(len(keys))))

    def hold(self, lane: str, slots: int, t_s: float) -> None:
        """Take slots of a lane, or give them back, and serve who waits."""
        self.busy[lane] += slots
        self.gauges[lane].append((t_s, float(min(self.busy[lane], self.slots))))
        while self.waiting[lane] and self.busy[lane] < self.slots:
            self.begin(self.waiting[lane].popleft(), t_s)

    @property
    def slots(self) -> int:
        """Return how many slots a lane has."""
        return self.bazaar.slots

    def lane(self, request: Request) -> str:
        """Return which pool a request takes a slot of."""
        if request.route == "pulse":
            return "beacon"
        return ROUTES[request.route][0] if self.bazaar.split else "all"

    def arrival(self, request: Request) -> Callable[[float], None]:
        """Return what happens when a request comes in."""

        def come(t_s: float) -> None:
            lane = self.lane(request)
            if self.busy[lane] >= self.slots and lane != "beacon":
                self.waiting[lane].append(request)
            else:
                self.begin(request, t_s)

        return come

    def begin(self, request: Request, t_s: float) -> None:
        """Serve a request that has a slot."""
        lane = self.lane(request)
        self.busy[lane] += 1
        self.gauges[lane].append((t_s, float(min(self.busy[lane], self.slots))))
        own_s = 0.0012 * self.slowed("beacon", t_s) if request.route == "pulse" else 0.004 * self.slowed("gate", t_s)
        self.at(t_s + own_s, lambda now_s: self.go_on(request, now_s))

    def go_on(self, request: Request, t_s: float) -> None:
        """Call what comes next, or answer."""
        if not request.calls:
            self.end(request, t_s, Outcome.OK)
            return
        callee = request.calls[0]
        failed = self.is_on(t_s) and self.noise.random() < self.bazaar.broken.failing.get(callee, 0.0)
        end_s = t_s + 0.003 if failed else self.answered_s(callee, t_s)
        given_up = end_s - t_s > self.bazaar.patience_s
        back_s = t_s + self.bazaar.patience_s if given_up else end_s
        self.at(back_s, lambda now_s: self.back(request, callee, (t_s, now_s), failed=failed or given_up))

    def answered_s(self, callee: str, t_s: float) -> float:
        """Return when a callee answers a call: the vault's wait for a server, those of others do not."""
        if callee != "vault":
            return t_s + (0.002 if callee == "shelf" else 0.02) * self.slowed(callee, t_s)
        self.counted["reads"].append(t_s)
        start_s = max(t_s, self.free_s[0])
        end_s = start_s + self.bazaar.query_s * self.slowed("vault", start_s)
        heapq.heapreplace(self.free_s, end_s)
        return end_s

    def back(self, request: Request, callee: str, span: Span, *, failed: bool) -> None:
        """Go on with a call's result."""
        t_s = span[1]
        self.counted[f"{callee} failed" if failed else f"{callee} fine"].append(t_s)
        self.took[callee].append((t_s, t_s - span[0]))
        if failed and request.tried + 1 < self.bazaar.tries:
            request.tried += 1
            self.counted[f"{callee} again"].append(t_s)
            self.go_on(request, t_s)
            return
        request.tried = 0
        request.calls.pop(0)
        if callee == "shelf":
            hit = not failed and request.key in self.shelf
            self.counted["hit" if hit else "miss"].append(t_s)
            if not hit:
                request.calls.append("vault")
        elif failed:
            self.end(request, t_s, Outcome.ERROR)
            return
        elif callee == "vault" and request.route == "browse" and not self.bazaar.broken.failing.get("shelf"):
            self.keep(self.shelf | {request.key}, t_s)
        self.go_on(request, t_s)

    def end(self, request: Request, t_s: float, outcome: Outcome) -> None:
        """Answer, and give the slot back."""
        answers = self.answers[request.route]
        sent_s = answers.at_s[request.number] + answers.lag_s[request.number]
        answers.time_s[request.number], answers.outcome[request.number] = t_s - sent_s, outcome
        self.hold(self.lane(request), -1, t_s)

    def metrics(self) -> Metrics:
        """Return what the services publish, read once a second."""
        read_s = np.arange(0.0, END_S, 1.0) + 0.37
        found = {("gate", key): values for key, values in self.of_gate(read_s)}
        found["vault", "vault_reads_total"] = _points(read_s, self.rose("reads", read_s))
        found["shelf", "shelf_entries"] = _points(read_s, self.level("shelf", read_s))
        return Metrics(found)

    def of_gate(self, read_s: Floats) -> Iterator[tuple[str, Floats]]:
        """Yield the gate's metrics."""
        for callee in ("shelf", "vault", "bank"):
            for name in ("fine", "failed"):
                key = f'upstream_rpc_total{{peer="{callee}",status="{name}"}}'
                yield key, _points(read_s, self.rose(f"{callee} {name}", read_s))
            yield f'upstream_again_total{{peer="{callee}"}}', _points(read_s, self.rose(f"{callee} again", read_s))
            ended = np.array(self.took[callee] or [(0.0, 0.0)])
            count = np.searchsorted(ended[:, 0], read_s, side="right")
            sums = np.concatenate([[0.0], np.cumsum(ended[:, 1])])[count]
            yield f'upstream_rpc_millis_sum{{peer="{callee}"}}', _points(read_s, 1000 * sums)
            yield f'upstream_rpc_millis_count{{peer="{callee}"}}', _points(read_s, count.astype(float))
        for result in ("hit", "miss"):
            yield f'shelf_lookups_total{{result="{result}"}}', _points(read_s, self.rose(result, read_s))
        for lane in ("shelf", "vault", "bank") if self.bazaar.split else ("all",):
            yield f'slots_busy{{lane="{lane}"}}', _points(read_s, self.level(lane, read_s))
            yield f'slots_most{{lane="{lane}"}}', _points(read_s, np.full(len(read_s), float(self.slots)))

    def rose(self, name: str, read_s: Floats) -> Floats:
        """Return a counter at these times."""
        return np.searchsorted(np.array(self.counted[name]), read_s, side="right").astype(float)

    def level(self, name: str, read_s: Floats) -> Floats:
        """Return a gauge at these times."""
        changes = np.array(self.gauges[name])
        return np.asarray(changes[np.searchsorted(changes[:, 0], read_s, side="right") - 1, 1])


def _points(read_s: Floats, values: Floats) -> Floats:
    return np.column_stack([read_s, values])


COUNTERS: Mapping[str, dict[str, JsonValue]] = {
    "gate": {
        "calls": "upstream_rpc_total",
        "failures": 'upstream_rpc_total{status="failed"}',
        "call-time": "upstream_rpc_millis",
        "call-time-unit": "ms",
        "failures-timed": True,
        "dependency-label": "peer",
        "retries": "upstream_again_total",
        "in-flight": "slots_busy",
        "limit": "slots_most",
        "pool-label": "lane",
        "cache-hits": 'shelf_lookups_total{result="hit"}',
        "cache-misses": 'shelf_lookups_total{result="miss"}',
    },
    "vault": {"origin-queries": "vault_reads_total"},
    "shelf": {"keys": "shelf_entries"},
}


@cache
def system(*, counted: bool) -> System:
    """Return the system, with its counters mapped or without any."""
    services: dict[str, dict[str, JsonValue]] = {
        "gate": {},
        "shelf": {"kind": "redis", "disposable": True},
        "vault": {"kind": "postgres"},
        "bank": {},
        "beacon": {},
    }
    for name, counters in COUNTERS.items() if counted else ():
        services[name]["counters"] = counters
    return System.model_validate(
        {
            "name": "bazaar",
            "targets": {"kind": {"context": "kind-bazaar", "namespace": "x", "url": "http://127.0.0.1:1"}},
            "services": services,
            "dependencies": ["gate -> shelf", "gate -> vault", "gate -> bank"],
            "routes": {
                "enter": {"request": "POST /enter", "hard": ["gate", "vault"]},
                "browse": {"request": "GET /browse", "hard": ["gate"], "soft": ["shelf", "vault"]},
                "pay": {"request": "POST /pay", "hard": ["gate", "bank"]},
                "pulse": {"request": "GET /pulse", "hard": ["beacon"], "control": True},
            },
        }
    )


@lru_cache(8)
def _planned(fault: str, seed: int, counted: bool) -> Plan:  # noqa: FBT001 - a cached function's argument
    kind, parameters = ("latency", OF_VAULT) if fault == "vault" else (fault, METHODS[fault])
    experiment = Experiment.model_validate(
        {
            "title": "Why do users suffer?",
            "description": "What is broken is known.",
            "system": "bazaar",
            "load": {"routes": dict.fromkeys(ROUTES, f"{RATE_PER_S:g}/s")},
            "steady-state-hypothesis": {"title": "Served", "probes": [{"route": "enter", "good": "> 95%"}]},
            "method": [{"fault": kind, "parameters": parameters}],
        }
    )
    return plan(experiment, system(counted=counted), catalogue(), name="bazaar", target="kind", variant=None, seed=seed)
