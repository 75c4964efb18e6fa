"""
The experiment and the system, as frozen types; the same types validate the files and give the JSON Schema.

Keys of the files are the aliases (``steady-state-hypothesis``); numbers inside are SI with the unit in the name. Validation
of one value happens here (a system's services and routes are in ``parts``); checks across keys and files are in ``checks``; lines
and files are ``loading``'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from gameday.experiment.declared import Declared, KubernetesName, Name, Sentence
from gameday.experiment.notation import Edge, Urls
from gameday.experiment.parts import Route, Secret, Service
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
)


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


class KindTarget(Declared):
    """
    A namespace of a Kubernetes cluster.

    ``context`` is one of the kubeconfig's; one that does not begin with ``kind-`` is touched only with ``allow``. ``url`` tells where
    requests from this machine enter: one for all services at which routes enter, or one for each. ``demo`` says that the demo
    system runs there, whose mechanisms can be switched.
    """

    context: Annotated[
        str,
        Field(
            pattern=r"^[!-~]+$", description="a context of the kubeconfig, without blanks", examples=["kind-gameday"]
        ),
    ]
    namespace: KubernetesName
    url: Urls
    demo: Literal["shop"] | None = None
    allow: bool = False

    def url_of(self, service: str) -> str | None:
        """Return where requests enter at a service; None where the file does not say."""
        return self.url if isinstance(self.url, str) else self.url.get(service)


class Targets(Declared):
    """Where the system can run."""

    local: LocalTarget | None = None
    kind: KindTarget | None = None

    def names(self) -> tuple[str, ...]:
        """Return the names of the targets that the file declares."""
        return tuple(name for name in TARGETS if getattr(self, name) is not None)

    def demo(self, name: str) -> str | None:
        """Return the demo that runs on a target, whose mechanisms can be switched; None where none does, or nothing is declared."""
        declared: LocalTarget | KindTarget | None = getattr(self, name)
        return declared.demo if declared else None


TARGETS = tuple(Targets.model_fields)
"""The words for where a system can run, as commands and plans have them."""


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

    def callees(self, service: str) -> tuple[str, ...]:
        """Return the services that a service calls, in file order."""
        return tuple(edge.callee for edge in self.dependencies if edge.caller == service)

    def deployment(self, service: str) -> str:
        """Return the name of a service's Deployment in a cluster."""
        return self.services[service].deployment or service

    def known_as(self, services: Iterable[str]) -> frozenset[str]:
        """Return what others may call these services: by their own names, or those of their Deployments."""
        return frozenset(
            name for each in services for name in (each, *([self.deployment(each)] if each in self.services else []))
        )

    def entries(self) -> tuple[str, ...]:
        """Return the services at which routes enter, no doubles, file order."""
        return tuple(dict.fromkeys(route.entry for route in self.routes.values()))


def onward(services: Iterable[str], step: Callable[[str], Iterable[str]]) -> set[str]:
    """Return these services and whatever any number of steps, to callers or to callees, leads to from them."""
    found, waiting = set[str](), list(services)
    while waiting:
        if (name := waiting.pop()) not in found:
            found.add(name)
            waiting += step(name)
    return found


class Load(Declared):
    """
    One open arrival process per route, or a person's own ``locustfile``, whose users wait for answers: a *closed* load.

    ``routes`` are Poisson unless ``arrivals`` says ``constant``; ``max-in-flight`` is how many requests may be open at once (computed if it is not
    given); with several ``workers`` they are sent from so many processes in the
    cluster, a single one runs on this machine. The other keys belong to a locustfile: it is a path relative to the
    experiment's file; ``users`` may be left out when it has a LoadTestShape. ``host`` is the service whose address its
    users get, ``hosts`` that of some user classes; ``names`` tells which of its request names stand for a route.
    """

    routes: dict[Name, PerSecond] = {}
    arrivals: Literal["poisson", "constant"] = "poisson"
    hang_s: Annotated[Seconds, Field(alias="hang")] = 3.0
    max_in_flight: Annotated[int, Field(ge=1, le=1_000_000, examples=[4000])] | None = None
    workers: Annotated[int, Field(ge=1, le=16, examples=[3])] = 1
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
        """Return whether the load is a locustfile's: its requests are known only when they are sent."""
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

    title: Sentence
    probes: Annotated[tuple[RouteProbe, ...], Field(min_length=1)]
    others: tuple[dict[str, JsonValue], ...] = ()


class FaultCall(Declared):
    """One entry of the method in its short form: ``empty-cache: {service: cache}``. ``parameters`` are as written."""

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
    down: AtMostSeconds = Threshold(op="<", bound=1.0)
    degraded: AtMostShare = Threshold(op="<", bound=0.01)


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


class Continuity(Declared):
    """In which share of the time of the fault phase the whole hypothesis must hold, seen in bins (docs/verdicts.md)."""

    held: AtLeastShare = Threshold(op=">", bound=0.75)


class Recovery(Declared):
    """How soon after the fault's end the steady state must be back, and stay."""

    within_s: Seconds = 10.0


class Expect(Declared):
    """What the report must judge."""

    bulkhead: Bulkhead | None = None
    backpressure: Backpressure | None = None
    stampede: Stampede | None = None
    outage: Outage | None = None
    continuity: Continuity | None = None
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

    title: Sentence
    description: Sentence
    tags: tuple[str, ...] = ()
    system: Name
    decides: str | None = None
    load: Load
    phases: Phases = Phases()
    steady_state_hypothesis: Hypothesis
    method: Annotated[
        tuple[FaultCall, ...],
        Field(min_length=1, description='a list of faults, such as "- kill: {service: web}", or "- none"'),
    ]
    expect: Expect = Expect()
    safety: Safety = Safety()
