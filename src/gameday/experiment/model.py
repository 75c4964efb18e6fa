"""
The experiment and the system, as frozen types; the same types validate the files and give the JSON Schema.

Keys of the files are the aliases (``steady-state-hypothesis``); numbers inside are SI with the unit in the name. Validation
of one value happens here; checks across keys and files are in ``checks``; lines and files are ``loading``'s business.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationInfo, WithJsonSchema

from gameday.experiment.timing import Timing
from gameday.experiment.units import (
    AtLeastNumber,
    AtLeastShare,
    AtMostNumber,
    AtMostSeconds,
    AtMostShare,
    PerSecond,
    Seconds,
    Share,
    Threshold,
    was_read,
)

NAME_PATTERN = r"^[a-z][a-z0-9-]*$"
Name = Annotated[str, Field(pattern=NAME_PATTERN, examples=["checkout"])]


class Declared(BaseModel):
    """The base of everything that a file declares: frozen, no unknown keys, kebab-case keys."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        serialize_by_alias=True,
        alias_generator=lambda name: re.sub(r"_(s|per_s)$", "", name).replace("_", "-"),
    )


# --- the system file ---------------------------------------------------------------------------------------------------


class Service(Declared):
    """
    A part of the system that connections lead to.

    ``disposable`` lets a fault empty the whole store; otherwise only keys under ``prefix`` may go. ``metrics`` is the path of
    its Prometheus page, None when it has none.
    """

    kind: Literal["http", "redis", "postgres"] = "http"
    metrics: Annotated[str, Field(pattern=r"^/[!-~]*$", examples=["/metrics"])] | None = None
    disposable: bool = False
    prefix: Annotated[str, Field(min_length=1, examples=["shop:"])] | None = None


class Dependency(BaseModel):
    """An edge: ``caller`` opens connections to ``callee``. Written ``web -> cache``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    caller: str
    callee: str

    def __str__(self) -> str:
        """Write the edge as the files do."""
        return f"{self.caller} -> {self.callee}"


def _dependency(value: object, info: ValidationInfo) -> object:
    if isinstance(value, Dependency) or was_read(info):
        return value
    match = (
        re.fullmatch(r"([a-z][a-z0-9-]*)\s*->\s*([a-z][a-z0-9-]*)", value.strip()) if isinstance(value, str) else None
    )
    if match is None:
        raise ValueError('two services with an arrow, such as "web -> cache"')
    return Dependency(caller=match[1], callee=match[2])


Edge = Annotated[
    Dependency,
    BeforeValidator(_dependency),
    WithJsonSchema(
        {"type": "string", "pattern": r"^[a-z][a-z0-9-]*\s*->\s*[a-z][a-z0-9-]*$", "examples": ["web -> cache"]}
    ),
]


_ZIPF = r"zipf\(\s*([0-9](?:\.[0-9]{1,9})?)\s*,\s*([0-9]{1,6})\s*\)"


class Keys(BaseModel):
    """The keys that requests of a route draw: ``count`` keys, popularity Zipf with exponent ``exponent``. ``zipf(1.0, 20)``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    exponent: float
    count: int


def _keys(value: object, info: ValidationInfo) -> object:
    if isinstance(value, Keys) or was_read(info):
        return value
    match = re.fullmatch(_ZIPF, value.strip()) if isinstance(value, str) else None
    if match is None or not 1 <= int(match[2]) <= 100_000:
        raise ValueError("zipf(EXPONENT, COUNT) with an exponent below 10 and 1 to 100000 keys, such as zipf(1.0, 20)")
    return Keys(exponent=float(match[1]), count=int(match[2]))


ZipfKeys = Annotated[
    Keys,
    BeforeValidator(_keys),
    WithJsonSchema({"type": "string", "pattern": f"^{_ZIPF}$", "examples": ["zipf(1.0, 20)"]}),
]


class Route(Declared):
    """
    An entry point of the system.

    ``{id}`` in the request is replaced by the arrival's key; ``cold`` is the share of arrivals that ask for a key nobody asked
    for before. ``deadline_s`` is what a user accepts, counted from the scheduled start. ``hard`` lists the services without
    which the route cannot answer well, ``soft`` those without which it must still answer. A ``control`` route shares no pool
    with anything and serves as the control of every comparison.
    """

    request: Annotated[str, Field(pattern=r"^(GET|POST|PUT|DELETE) /[!-~]*$", examples=["GET /product/{id}"])]
    headers: dict[str, str] = {}
    body: JsonValue = None
    keys: ZipfKeys | None = None
    cold: Share = 0.0
    deadline_s: Seconds = 1.0
    compartment: Name | None = None
    hard: Annotated[tuple[Name, ...], Field(min_length=1)]
    soft: tuple[Name, ...] = ()
    control: bool = False

    @property
    def entry(self) -> str:
        """Return the service at which requests enter: the first hard dependency."""
        return self.hard[0]

    @property
    def method(self) -> str:
        """Return the HTTP method."""
        return self.request.split(" ", 1)[0]

    @property
    def path(self) -> str:
        """Return the path with its ``{id}``, if any."""
        return self.request.split(" ", 1)[1]


class Origin(Declared):
    """
    What a cache spares, for the plan's predictions and the stampede verdict.

    ``route`` is served from ``cache``; a miss costs one query of ``query_s`` seconds at ``database``.
    ``single_flight`` names the toggle of the variant that lets one query serve all who wait for the same key.
    """

    route: Name
    cache: Name
    query_s: Seconds
    single_flight: str


class LocalTarget(Declared):
    """
    The embedded demo system.

    ``bypass`` sends a share of an edge's connections around the proxy. It exists to show that a fault which does not reach
    every connection is noticed.
    """

    demo: Literal["shop"]
    bypass: dict[str, Share] = {}


class Targets(Declared):
    """Where the system can run."""

    local: LocalTarget | None = None


class Secret(Declared):
    """A value that comes from the environment variable ``env`` and is written nowhere."""

    env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", examples=["SHOP_TOKEN"])]


class System(Declared):
    """What the experiments are about: services, edges, routes and how to switch the variants."""

    name: Name
    targets: Targets
    variants: dict[Name, dict[str, bool]] = {}
    services: Annotated[dict[Name, Service], Field(min_length=1)]
    dependencies: tuple[Edge, ...] = ()
    routes: Annotated[dict[Name, Route], Field(min_length=1)]
    origins: dict[Name, Origin] = {}
    secrets: dict[Name, Secret] = {}

    def callers(self, service: str) -> tuple[str, ...]:
        """Return who opens connections to a service: other services in file order, and ``load`` where a route enters there."""
        inner = tuple(edge.caller for edge in self.dependencies if edge.callee == service)
        return (*inner, *(("load",) if service in self.entries() else ()))

    def entries(self) -> tuple[str, ...]:
        """Return the services at which routes enter, no doubles, file order."""
        return tuple(dict.fromkeys(route.entry for route in self.routes.values()))


# --- the experiment file -----------------------------------------------------------------------------------------------


class Load(Declared):
    """
    One open arrival process per route, or a person's own ``locustfile``, whose users wait for answers: a *closed* load.

    ``routes`` are Poisson unless ``arrivals`` says ``constant``. The other keys belong to a locustfile: it is a path relative to the
    experiment's file; ``users`` may be left out when it has a LoadTestShape. ``host`` is the service whose address its
    users get, ``hosts`` that of some user classes; ``names`` tells which of its request names stand for a route.
    """

    routes: dict[Name, PerSecond] = {}
    arrivals: Literal["poisson", "constant"] = "poisson"
    hang_s: Annotated[Seconds, Field(alias="hang")] = 3.0
    locustfile: Annotated[str, Field(min_length=1, examples=["load/shop.py"])] | None = None
    users: Annotated[int, Field(ge=1, le=10_000, examples=[50])] | None = None
    spawn_rate_per_s: PerSecond = 1.0
    tags: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()
    host: Name | None = None
    hosts: dict[str, Name] = {}
    names: dict[Name, tuple[str, ...]] = {}

    @property
    def closed(self) -> bool:
        """Tell whether the load is a locustfile's: its requests are known only when they are sent."""
        return self.locustfile is not None

    def loaded(self, system: System) -> tuple[str, ...]:
        """Return the routes that requests may come to, in order: those declared, or any of the system's when closed."""
        return tuple(system.routes if self.closed else self.routes)


class Phases(Declared):
    """How long each phase lasts; ``guard_s`` is cut from the inside of a step fault's window, at both ends."""

    warmup_s: Seconds = 6.0
    baseline_s: Seconds = 16.0
    fault_s: Seconds = 20.0
    recovery_s: Seconds = 14.0
    guard_s: Seconds = 2.0

    @property
    def total_s(self) -> float:
        """Return how long the load lasts."""
        return self.warmup_s + self.baseline_s + self.fault_s + self.recovery_s


class RouteProbe(Declared):
    """What is normal for one route: quantiles of the response time and the share of good answers."""

    route: Name
    p50: AtMostSeconds | None = None
    p95: AtMostSeconds | None = None
    good: AtLeastShare | None = None


class Hypothesis(Declared):
    """
    The steady state: a gate in the baseline, a check in the recovery.

    ``others`` are probes of Chaos Toolkit with a tolerance; in the file they stand among ``probes``, behind those of routes.
    """

    title: str
    probes: Annotated[tuple[RouteProbe, ...], Field(min_length=1)]
    others: tuple[dict[str, JsonValue], ...] = ()


class FaultCall(BaseModel):
    """One entry of the method in its short form: ``empty-cache: {service: cache}``. ``parameters`` are as written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fault: str
    parameters: dict[str, JsonValue]
    timing: Timing = Timing()


class Bulkhead(Declared):
    """Which routes must not notice the fault, and by how much they may (defaults: docs/verdicts.md)."""

    isolated: Annotated[tuple[Name, ...], Field(min_length=1)]
    inflation: AtMostNumber = Threshold(op="<", bound=1.5)
    rise: AtMostSeconds = Threshold(op="<", bound=0.020)
    errors: AtMostShare = Threshold(op="<", bound=0.01)
    goodput: AtLeastShare = Threshold(op=">", bound=0.95)
    hung: AtMostShare = Threshold(op="<", bound=0.005)


class Backpressure(Declared):
    """
    How routes that depend on what is faulted must fail (defaults: docs/verdicts.md).

    ``routes`` empty means: every loaded route that depends on a faulted service, hard or soft.
    ``fast_s`` is how soon a rejection must come to count as fast.
    """

    routes: tuple[Name, ...] = ()
    fast_or_good: AtLeastShare = Threshold(op=">", bound=0.95)
    hung: AtMostShare = Threshold(op="<", bound=0.005)
    fast_s: Annotated[Seconds, Field(alias="fast")] = 0.1


class Stampede(Declared):
    """How often the origin may be asked for the same key while the cache refills (docs/verdicts.md)."""

    origin: Name
    duplicates: AtMostNumber = Threshold(op="<", bound=1.2)


class Outage(Declared):
    """
    How much a single event, such as a kill, may cost routes (docs/verdicts.md).

    ``lost_s`` is the requests that got no good answer beyond the baseline's share, in seconds of the route's load: ``1s`` is as
    many as a total outage of one second takes.
    """

    routes: Annotated[tuple[Name, ...], Field(min_length=1)]
    lost_s: Annotated[AtMostSeconds, Field(alias="lost")] = Threshold(op="<", bound=0.5)


class Recovery(Declared):
    """How soon after the fault's end the steady state must be back, and stay."""

    within_s: Seconds = 10.0


class Expect(Declared):
    """What the report must judge."""

    bulkhead: Bulkhead | None = None
    backpressure: Backpressure | None = None
    stampede: Stampede | None = None
    outage: Outage | None = None
    recovery: Recovery | None = Recovery()


class Abort(Declared):
    """When to end a run early: the error budget of a protected route burns too fast (docs/verdicts.md)."""

    route: Name
    burn_rate: AtLeastNumber = Threshold(op=">", bound=10.0)
    slo: Share = 0.99
    mode: Literal["record", "enforce"] = "enforce"


class Safety(Declared):
    """What bounds the damage."""

    abort: Abort | None = None


class Experiment(Declared):
    """One question to the system, as one file."""

    title: str
    description: str
    tags: tuple[str, ...] = ()
    system: Name
    decides: str | None = None
    load: Load
    phases: Phases = Phases()
    steady_state_hypothesis: Hypothesis
    method: Annotated[tuple[FaultCall, ...], Field(min_length=1)]
    expect: Expect = Expect()
    safety: Safety = Safety()
